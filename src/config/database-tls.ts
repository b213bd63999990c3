import type { Config } from './config.js';
import type { DatabaseConnection } from './database-url.js';
import { isLoopback } from './loopback.js';

type Databases = Pick<Config, 'database' | 'directDatabase'>;

/** A way to a database on which whoever is in between could read and change everything. */
export interface OpenWay {
  variable: 'DATABASE_URL' | 'DATABASE_DIRECT_URL';
  host: string;
}

/** @returns the ways to another machine on which it is not checked whom the server's certificate is for (`verify-full`) */
export function openWays({ database, directDatabase }: Databases): OpenWay[] {
  const ways = [
    { variable: 'DATABASE_URL', connection: database },
    { variable: 'DATABASE_DIRECT_URL', connection: directDatabase },
  ] as const;
  return ways.flatMap(({ variable, connection }) => {
    if (!connection || isVerified(connection)) return [];
    const host = [connection, ...(connection.otherHosts ?? [])].map((one) => one.host).find((name) => !isHere(name));
    return host === undefined ? [] : [{ variable, host }];
  });
}

/** What an open way means, and what to do about it, each a sentence. */
export const describeOpenWay = ({ variable, host }: OpenWay) => ({
  problem: `${variable} leads to ${host} without verified TLS: whoever is in between can read and change everything.`,
  remedy: `Set sslmode=verify-full in ${variable}, and DATABASE_CA_FILE if the certificate is from an authority of your own.`,
});

/** One line for the log of a start of a production (its PUBLIC_URL is https); undefined: every way is safe. */
export function warningOfOpenWays(config: Databases & Pick<Config, 'publicUrl'>): string | undefined {
  if (!config.publicUrl.startsWith('https:')) return undefined;
  const [first, ...others] = openWays(config).map(describeOpenWay);
  if (!first) return undefined;
  return [...[first, ...others].map(({ problem }) => problem), first.remedy, 'See docs/hardening.md.'].join(' ');
}

/** Whether the certificate has to be from a trusted authority, and for the host. */
const isVerified = ({ ssl }: DatabaseConnection) =>
  typeof ssl === 'object' && ssl.rejectUnauthorized !== false && ssl.checkServerIdentity === undefined;

/** A socket, or an address of this machine alone. */
const isHere = (host: string) => host.startsWith('/') || isLoopback(host);
