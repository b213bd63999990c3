import { addressForLimits, homeOf, siteOf } from '../http/client-address.js';

/** Where somebody signs in from. */
export interface SignInOrigin {
  /** The client's address. */
  address: string;
  /** The App-Token through which they do; absent: directly. */
  application?: { id: string; /** The address of its user, if it has passed that on. */ clientAddress: string | null };
}

/** Where failures of an account are counted. */
export interface CountedPlace {
  name: string;
  /** How many cost no time. The next one waits. */
  most: number;
}

/** How many times LOGIN_MAX_FAILURES are allowed from all addresses of a /56, and of a /48 or /24. */
const HOME = 2;
const SITE = 5;
/** From wherever the account is not known, and from an application that tells of each user where they are. */
const EVERYWHERE = 10;

/**
 * Where a failure counts. An address from which somebody has signed in to the account before has a place of its own, so that
 * nobody elsewhere takes it away. An application stands for all of its users, of whom one must not lock out another: its place
 * is as large as a site's, and if it passes on where they are, they are told apart.
 *
 * @param most LOGIN_MAX_FAILURES
 */
export function countedPlaces({ address, application }: SignInOrigin, isKnown: boolean, most: number): CountedPlace[] {
  const everywhere = { name: 'everywhere', most: most * EVERYWHERE };
  if (!application) {
    const [own, ...around] = networksOf('', address, most);
    return isKnown ? [own] : [own, ...around, everywhere];
  }
  const name = `application ${application.id}`;
  if (application.clientAddress === null) {
    const shared = { name, most: most * SITE };
    return isKnown ? [shared] : [shared, { name: `site ${siteOf(address)}`, most: most * SITE }, everywhere];
  }
  const [own, ...around] = networksOf(`${name} `, application.clientAddress, most);
  return isKnown ? [own] : [own, ...around, { name, most: most * EVERYWHERE }, everywhere];
}

/** The place whose failures a success makes good: that of one user, if it can be told. */
export function ownPlace({ address, application }: SignInOrigin): string | undefined {
  if (!application) return `address ${addressForLimits(address)}`;
  const { id, clientAddress } = application;
  return clientAddress === null ? undefined : `application ${id} address ${addressForLimits(clientAddress)}`;
}

/** What an address is known by: of a user whom an application passes on, only within that. */
export const knownAs = ({ address, application }: SignInOrigin): string =>
  application
    ? `${application.id} ${addressForLimits(application.clientAddress ?? address)}`
    : addressForLimits(address);

function networksOf(prefix: string, address: string, most: number): [CountedPlace, ...CountedPlace[]] {
  const home = homeOf(address);
  return [
    { name: `${prefix}address ${addressForLimits(address)}`, most },
    ...(home === undefined ? [] : [{ name: `${prefix}home ${home}`, most: most * HOME }]),
    { name: `${prefix}site ${siteOf(address)}`, most: most * SITE },
  ];
}
