import { readNetwork } from '../accounts/networks.js';
import { isUuid } from '../http/validation.js';
import {
  PAYMENT_TYPES,
  SERVICE_MODES,
  TOKEN_SOURCES,
  type PaymentType,
  type ServiceMode,
  type TokenSource,
} from '../tokens/gateway-tokens.js';
import { choice, flag, list, text, time, type Fields } from './fields.js';
import { accountReference, known, line, momentOf, name, uuid } from './readings.js';
import type { ReadingRules } from './records.js';
import { takeSecret, type ImportedKind, type TokenSecret } from './token-secrets.js';

/** A token of an account or of a gateway account. Absent fields are not known, and stay as they are. */
export interface TokenRecord extends TokenSecret {
  type: 'token';
  kind: ImportedKind;
  id?: string;
  /** The account that has it, and the one that acts for it; see {@link accountReference}. */
  account?: string;
  actor?: string;
  madeWith?: string[];
  /** The id of the App-Token that it was got through. */
  appToken?: string;
  gatewayAccountId?: string;
  name?: string;
  scopes?: string[];
  networks?: string[];
  description?: string;
  createdBy?: string;
  source?: TokenSource;
  paymentType?: PaymentType;
  serviceExternalId?: string;
  serviceMode?: ServiceMode;
  createdAt?: string;
  expiresAt?: string;
  /** Or `now`. */
  revokedAt?: string;
  lastUsedAt?: string;
}

const APP_SCOPES = ['frontend', 'client-address'];
const MOST = { networks: 100, lineage: 100, text: 255, description: 1_000 };

export function readToken(kind: ImportedKind, fields: Fields, rules: ReadingRules): TokenRecord {
  const revoked = fields.take('revoked', flag);
  const record: { [Key in keyof TokenRecord]: TokenRecord[Key] | undefined } = {
    type: 'token',
    kind,
    ...takeSecret(kind, fields, rules),
    id: fields.take('id', uuid),
    actor: fields.take('actor', accountReference),
    madeWith: fields.take('made_with', list(uuidEntry, MOST.lineage)),
    description: fields.take('description', text(MOST.description)),
    createdAt: fields.take('created_at', time),
    expiresAt: fields.take('expires_at', time),
    revokedAt: momentOf(fields.take('revoked_at', time), revoked),
    lastUsedAt: fields.take('last_used_at', time),
    ...(kind === 'api' ? gatewayFields(fields) : accountFields(kind, fields)),
  };
  return known<object>(record) as TokenRecord;
}

function gatewayFields(fields: Fields) {
  if (!fields.has('account_id')) fields.refuse('account_id', 'is required');
  return {
    gatewayAccountId: fields.take('account_id', gatewayAccount),
    createdBy: fields.take('created_by', text(MOST.text)),
    source: fields.take('source', choice(TOKEN_SOURCES)),
    paymentType: fields.take('token_type', choice(PAYMENT_TYPES)),
    serviceExternalId: fields.take('service_external_id', text(MOST.text)),
    serviceMode: fields.take('service_mode', choice(SERVICE_MODES)),
  };
}

function accountFields(kind: 'app' | 'user', fields: Fields) {
  if (!fields.has('account')) fields.refuse('account', 'is required: the id or the email of an account');
  const own = { account: fields.take('account', accountReference), appToken: fields.take('app_token', uuid) };
  if (kind === 'user') return own;
  const scopes = fields.take('scopes', list(appScope, APP_SCOPES.length));
  const networks = fields.take('networks', list(readNetwork, MOST.networks));
  const passesOn = scopes?.includes('client-address') ?? false;
  if (passesOn && !networks?.length) fields.refuse('networks', 'is required for the scope client-address');
  if (!passesOn && networks?.length) fields.refuse('networks', 'is only for the scope client-address');
  return { ...own, name: fields.take('name', name), scopes, networks };
}

function gatewayAccount(value: unknown) {
  const read = line(MOST.text)(value);
  return 'value' in read && read.value === '' ? { problem: 'must not be empty' } : read;
}

const appScope = (entry: string) =>
  APP_SCOPES.includes(entry) ? { value: entry } : { problem: `must be ${APP_SCOPES.join(' or ')}` };

const uuidEntry = (entry: string) => (isUuid(entry) ? { value: entry.toLowerCase() } : { problem: 'must be a UUID' });
