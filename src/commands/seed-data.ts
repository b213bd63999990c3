import type { ClientScope } from '../access/client-scopes.js';
import type { AccountFieldsBody } from '../accounts/account-fields.js';
import type { NewIdentification } from '../identifications/identifications.dto.js';

/**
 * Networks are from the ranges for documentation (RFC 5737, RFC 9637) and a few private ones, domains from RFC 2606.
 * 192.0.2.0/24 and 2001:db8::/32 are left to the examples in the documentation.
 */
export const ORGANISATIONS: (AccountFieldsBody & { name: string; networks: string[] })[] = [
  {
    name: 'Northfield University',
    publisher_reference: 'NFU-1001',
    networks: ['198.51.100.0/24', '3fff:100::/32'],
    email_domains: ['northfield.example', '*.northfield.example'],
  },
  {
    // Inside the university's network: the most specific one wins.
    name: 'Northfield University Library',
    publisher_reference: 'NFU-1002',
    networks: ['198.51.100.64/27', '3fff:100:40::/48'],
    email_domains: ['library.northfield.example'],
  },
  {
    name: 'Harbour City Public Library',
    publisher_reference: 'HCPL-2001',
    networks: ['203.0.113.0/26'],
    email_domains: ['harbourcity-library.example'],
  },
  {
    name: "St Brannock's Hospital",
    publisher_reference: 'STB-3001',
    networks: ['203.0.113.64/26', '3fff:200::/40'],
    email_domains: ['stbrannocks.example'],
  },
  {
    name: 'Calder Institute of Technology',
    publisher_reference: 'CIT-4001',
    networks: ['203.0.113.128/25', '3fff:300::/32'],
    email_domains: ['calder.example', 'alumni.calder.example'],
  },
  {
    name: 'Westmere College',
    publisher_reference: 'WMC-5001',
    networks: ['10.20.0.0/16'],
    email_domains: ['westmere.example'],
  },
  {
    name: 'Ridgeway School District',
    publisher_reference: null,
    networks: ['172.16.40.0/21', '192.168.12.0/24'],
    email_domains: ['*.ridgeway-schools.example'],
  },
  { name: 'Fernhill Press', publisher_reference: 'FHP-0001', networks: [], email_domains: ['fernhill-press.example'] },
];

/** All have the role `user`. */
export const PEOPLE: { email: string; name: string | null; verified: boolean }[] = [
  { email: 'ada.okafor@northfield.example', name: 'Ada Okafor', verified: true },
  { email: 'tomas.lindqvist@cs.northfield.example', name: 'Tomas Lindqvist', verified: true },
  { email: 'mei.tanaka@library.northfield.example', name: 'Mei Tanaka', verified: true },
  { email: 'joan.whitcombe@harbourcity-library.example', name: 'Joan Whitcombe', verified: true },
  { email: 'ravi.menon@stbrannocks.example', name: 'Ravi Menon', verified: true },
  { email: 'lucia.ferreira@calder.example', name: 'Lucia Ferreira', verified: true },
  { email: 'owen.price@alumni.calder.example', name: null, verified: false },
  { email: 'sofia.andersen@westmere.example', name: 'Sofia Andersen', verified: true },
  { email: 'daniel.achebe@fernhill-press.example', name: 'Daniel Achebe', verified: true },
  { email: 'kim.novak@mail.example', name: null, verified: false },
];

/** The owner of the App-Token and the Token that are printed. */
export const APPLICATION_OWNER = 'daniel.achebe@fernhill-press.example';
/** The account that an admin has a token on behalf of. */
export const ACTED_FOR = 'joan.whitcombe@harbourcity-library.example';

export const CLIENTS: { id: string; name: string; scopes: ClientScope[] }[] = [
  { id: 'reading-room', name: 'Fernhill Reading Room', scopes: ['accounts:read', 'identifications'] },
  { id: 'licence-desk', name: 'Licence desk', scopes: ['accounts:read', 'accounts:write'] },
  { id: 'api-gateway', name: 'API gateway', scopes: ['tokens:introspect'] },
];

/** The client that {@link VISITORS} are visitors of. */
export const IDENTIFYING_CLIENT = 'reading-room';

export interface SeedApiToken {
  account: string;
  variant?: 'live' | 'test';
  description: string;
  isRevoked?: boolean;
}

/** API tokens of gateway accounts. */
export const API_TOKENS: SeedApiToken[] = [
  { account: '1042', variant: 'live', description: 'Council tax payments' },
  { account: '1042', variant: 'test', description: 'Council tax payments, staging' },
  { account: '1042', variant: 'live', description: 'Old web shop', isRevoked: true },
  { account: '1077', variant: 'live', description: 'Parking permits' },
  { account: '2210', description: 'Nightly export' },
];

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
  'Version/18.5 Mobile/15E148 Safari/604.1';

/** Identified in different ways: by network, by a more specific network, by email, by email domain, not at all. */
export const VISITORS: NewIdentification[] = [
  { ip: '198.51.100.17', url: 'https://read.fernhill-press.example/books/tidal-ecology', user_agent: FIREFOX },
  { ip: '198.51.100.70', url: 'https://read.fernhill-press.example/books/cataloguing', user_agent: FIREFOX },
  { ip: '3fff:300::1:25', url: 'https://read.fernhill-press.example/journals/polymers/12/3', user_agent: FIREFOX },
  { ip: '10.20.4.9', url: 'https://read.fernhill-press.example/', user_agent: SAFARI },
  {
    ip: '192.0.2.200',
    url: 'https://read.fernhill-press.example/books/triage',
    user_agent: SAFARI,
    email: 'ravi.menon@stbrannocks.example',
  },
  {
    ip: '192.0.2.201',
    url: 'https://read.fernhill-press.example/books/algebra',
    user_agent: FIREFOX,
    email: 'head@oakhill.ridgeway-schools.example',
  },
  { ip: '192.0.2.202', url: 'https://read.fernhill-press.example/', user_agent: SAFARI },
];
