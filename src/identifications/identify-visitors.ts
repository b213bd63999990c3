import { isSpelt, nearestFirst, spellingsOf } from '../emails/email-address.js';
import { domainsOver } from '../emails/email-domains.js';
import type { PreparedStatement } from '../database/statements.service.js';
import { hasScope } from '../tokens/good-credential.js';
import type { AskedFor, Visitor } from './identification-records.js';

/** The networks of accounts that are enabled, the most specific one first that is not behind a network, the oldest account first. */
const upTo = (network: string) => `
  SELECT n.network, n.account_id FROM account_networks n WHERE n.seniority IS NOT NULL AND n.network <= ${network}
  ORDER BY n.network DESC, n.seniority, n.account_id LIMIT 1`;

/**
 * The account with the most specific network that contains an address; the oldest of several.
 *
 * The last network at or before the address, in the order of PostgreSQL, either contains it and is the most specific to do so,
 * or shares fewer bits with it than any that does has: then the same is asked of those bits. Each step is one look-up in an
 * index, however many accounts have a network.
 */
export const byNetwork = (address: string) => `
  WITH RECURSIVE nearest AS (
    (${upTo(address)})
    UNION ALL
    SELECT wider.* FROM nearest
      CROSS JOIN LATERAL (${upTo(`inet_merge(${address}, nearest.network)`)}) wider
    WHERE NOT nearest.network >>= ${address} AND family(nearest.network) = family(${address})
  )
  SELECT account_id FROM nearest WHERE network >>= ${address}`;

/** The account with the email of a visitor `r`. `$3`: whether it must have proved it. */
const BY_EMAIL = `
  SELECT a.id FROM accounts a WHERE ${isSpelt('a.email', 'r.spellings')} AND a.disabled_at IS NULL
    AND (a.email_verified_at IS NOT NULL OR NOT $3)
  ORDER BY ${nearestFirst('a', 'r.email')} LIMIT 1`;

/** The account with the most specific of the domains; the oldest of several. */
export const byDomain = (domains: string) => `
  SELECT d.account_id FROM unnest(${domains}) WITH ORDINALITY AS asked (domain, place)
    CROSS JOIN LATERAL (
      SELECT account_id FROM account_email_domains
      WHERE domain = asked.domain AND seniority IS NOT NULL ORDER BY seniority, account_id LIMIT 1) d
  ORDER BY place LIMIT 1`;

/** An account as `FoundAccount` has it; null when there is none. */
export const accountJson = (alias: string) => `
  CASE WHEN ${alias}.id IS NOT NULL THEN json_build_object('id', ${alias}.id, 'legacyId', ${alias}.legacy_id, 'name', ${alias}.name,
    'publisherReference', ${alias}.publisher_reference, 'individual', ${alias}.individual, 'email', ${alias}.email,
    'createdAt', ${alias}.created_at, 'updatedAt', ${alias}.updated_at) END`;

/**
 * Identifies the accounts of visitors `$1`, and stores the attempts, for `$2` seconds. Takes the locks of the foreign key early, so that
 * nothing is inserted for a client that is being deleted, instead of the statement failing. Accounts are not locked: there is no foreign
 * key to them, and of one that is gone nothing is shown.
 *
 * @param lock of the client
 * @param among more of what a visitor `r` has to fulfil
 */
const identifyBy = ({ lock, among }: { lock: string; among: string }) => `
  WITH asked AS (
    SELECT r.* FROM jsonb_to_recordset($1::jsonb) AS r (place int, ip inet, email text, domains text[], spellings text[],
      "clientId" text, "tokenId" uuid, "secretId" uuid, url text, "userAgent" text)
    CROSS JOIN LATERAL (SELECT c.id FROM oauth_clients c WHERE c.id = r."clientId" ${lock} OFFSET 0) c
    WHERE ${among}
  ), found AS (
    SELECT r.*, gen_random_uuid() AS id, coalesce((${byNetwork('r.ip')}), (${BY_EMAIL}), (${byDomain('r.domains')})) AS account_id,
      (${byDomain('r.domains')}) AS institution_id
    FROM asked r
  ), made AS (
    INSERT INTO identifications (id, ip, email, account_id, institution_id, client_id, url, user_agent, expires_at)
    SELECT id, ip, email, account_id, institution_id, "clientId", url, "userAgent", now() + $2 * interval '1 second'
    FROM found
    RETURNING id, created_at
  )
  SELECT f.place, f.id, host(f.ip) AS ip, f.url, f."userAgent", f.email, m.created_at AS "createdAt",
    ${accountJson('a')} AS account, ${accountJson('b')} AS institution
  FROM made m JOIN found f USING (id)
    LEFT JOIN LATERAL (SELECT * FROM accounts a WHERE a.id = f.account_id AND a.disabled_at IS NULL OFFSET 0) a ON true
    LEFT JOIN LATERAL (SELECT * FROM accounts b WHERE b.id = f.institution_id AND b.disabled_at IS NULL OFFSET 0) b ON true`;

/** Of clients that are being deleted at this moment nothing is made: nobody else waits for them. */
export const IDENTIFY_MANY: PreparedStatement = {
  name: 'identify visitors',
  text: identifyBy({ lock: 'FOR KEY SHARE OF c SKIP LOCKED', among: hasScope('identifications', 'r') }),
};
export const IDENTIFY_ONE = identifyBy({ lock: 'FOR KEY SHARE OF c', among: 'true' });

/**
 * The values of {@link IDENTIFY_MANY}.
 *
 * @param options.seconds for how long they are kept
 * @param options.isProved whether an account must have proved its email
 */
export const valuesOf = (asked: AskedFor[], { seconds, isProved }: { seconds: number; isProved: boolean }) => [
  JSON.stringify(
    asked.map(({ visitor, client }, index) => {
      const { ip, url, userAgent, email } = visitor;
      const { clientId, tokenId, secretId } = client;
      const domains = email === null ? [] : domainsOver(email);
      const spellings = email === null ? [] : spellingsOf(email);
      const row = { place: index + 1, ip, url, userAgent, email, domains, spellings, clientId, tokenId, secretId };
      return row satisfies Record<keyof Visitor, unknown>;
    }),
  ),
  seconds,
  isProved,
];
