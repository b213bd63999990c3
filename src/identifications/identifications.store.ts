import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { ClientPrincipal } from '../access/principal.js';
import { domainsOver } from '../emails/email-domains.js';
import { isSpelt, nearestFirst, spellingsOf } from '../emails/email-address.js';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { Sweeper } from '../database/sweeper.service.js';
import { isGoodClient } from '../tokens/good-client.js';
import { hasScope } from '../tokens/good-credential.js';
import type { ReturnedUrl } from './return-urls.js';

/** A visitor, as a client describes them. */
export interface Visitor {
  ip: string;
  url: string;
  userAgent: string;
  email: string | null;
}

/** An account as identifications show it. */
export interface FoundAccount {
  id: string;
  legacyId: string | null;
  name: string | null;
  publisherReference: string | null;
  individual: boolean;
  email: string | null;
  /** With microseconds, as PostgreSQL writes times into JSON. */
  createdAt: string;
  updatedAt: string;
}

export interface IdentificationRecord extends Visitor {
  id: string;
  createdAt: Date;
  account: FoundAccount | null;
  institution: FoundAccount | null;
}

/** A visitor, and the client that asks who that is. */
export interface AskedFor {
  visitor: Visitor;
  client: ClientPrincipal;
}

/** A sign-in on the WAYF page. */
export interface WayfSignIn {
  /** The identification that the page was opened with. */
  identificationId: string;
  accountId: string;
  /** The account's epoch when the password was checked. */
  credentialEpoch: number;
  email: string;
  /** The institution that the visitor chose; null: none. */
  institutionId: string | null;
  /** null: unknown; that of the first identification is used. */
  ip: string | null;
  userAgent: string;
  /** The URL to return to, as {@link ReturnedUrl} has it. */
  returnTo: string;
}

/** What is found by the URL that the WAYF page returned to. */
export interface Return {
  accountId: string;
  /** false: the same visitor has returned by it before. */
  isFirst: boolean;
}

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
const byNetwork = (address: string) => `
  WITH RECURSIVE nearest AS (
    (${upTo(address)})
    UNION ALL
    SELECT wider.* FROM nearest
      CROSS JOIN LATERAL (${upTo(`inet_merge(${address}, nearest.network)`)}) wider
    WHERE NOT nearest.network >>= ${address} AND family(nearest.network) = family(${address})
  )
  SELECT account_id FROM nearest WHERE network >>= ${address}`;

/** Of the address `$1`. */
export const BY_NETWORK = byNetwork('$1::inet');

/** The account with the email of a visitor `r`. `$3`: whether it must have proved it. */
const BY_EMAIL = `
  SELECT a.id FROM accounts a WHERE ${isSpelt('a.email', 'r.spellings')} AND a.disabled_at IS NULL
    AND (a.email_verified_at IS NOT NULL OR NOT $3)
  ORDER BY ${nearestFirst('a', 'r.email')} LIMIT 1`;

/** The account with the most specific of the domains; the oldest of several. */
const byDomain = (domains: string) => `
  SELECT d.account_id FROM unnest(${domains}) WITH ORDINALITY AS asked (domain, place)
    CROSS JOIN LATERAL (
      SELECT account_id FROM account_email_domains
      WHERE domain = asked.domain AND seniority IS NOT NULL ORDER BY seniority, account_id LIMIT 1) d
  ORDER BY place LIMIT 1`;

/** Of the domains `$3`. */
export const BY_DOMAIN = byDomain('$3::text[]');

const accountJson = (alias: string) => `
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
const IDENTIFY_ONE = identifyBy({ lock: 'FOR KEY SHARE OF c', among: 'true' });

/**
 * Identifies a visitor by a result of the WAYF page. Its first use binds it to an address and a user agent; of several at once,
 * the others wait for the first, and then see what it has bound. An account that has changed its credentials since the
 * sign-in identifies nobody.
 */
const IDENTIFY_RETURNED = `
  WITH signed_in AS (
    SELECT i.id FROM identifications i JOIN accounts a ON a.id = i.account_id AND a.credential_epoch = i.credential_epoch
    WHERE i.id = $1 AND i.client_id = $2 AND i.return_to = $3 AND a.disabled_at IS NULL
      AND i.created_at > now() - $6 * interval '1 second' AND i.expires_at > now()
    FOR SHARE OF a
  )
  UPDATE identifications i SET ip = $4, user_agent = $5, returned_at = coalesce(i.returned_at, now())
  FROM signed_in WHERE i.id = signed_in.id AND (i.returned_at IS NULL OR (i.ip = $4 AND i.user_agent = $5))
  RETURNING i.account_id AS "accountId", i.returned_at = now() AS "isFirst"`;

/**
 * The values of {@link IDENTIFY_MANY}.
 *
 * @param options.seconds for how long they are kept
 * @param options.isProved whether an account must have proved its email
 */
export const valuesOf = (asked: AskedFor[], { seconds, isProved }: { seconds: number; isProved: boolean }) => [
  JSON.stringify(
    asked.map(({ visitor, client: { clientId, tokenId, secretId } }, index) => ({
      ...visitor,
      ...{ clientId, tokenId, secretId, place: index + 1 },
      domains: visitor.email === null ? [] : domainsOver(visitor.email),
      spellings: visitor.email === null ? [] : spellingsOf(visitor.email),
    })),
  ),
  seconds,
  isProved,
];

/** The identification table. Disabled accounts are not shown, even if they were enabled when they were found. */
@Injectable()
export class IdentificationStore implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly statements: Statements,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.addPartitioned({
      table: 'identifications',
      time: 'created_at',
      retention: this.config.identificationTtl,
      expired: 'expires_at < now()',
      rows: { time: 'expires_at', before: 'now()' },
    });
  }

  /** @returns the new identification of each; undefined: the client does not get it, or something is being changed */
  async identifyAll(asked: AskedFor[]): Promise<(IdentificationRecord | undefined)[]> {
    const made = new Array<IdentificationRecord | undefined>(asked.length).fill(undefined);
    const rows = await this.statements.run<IdentificationRecord & { place: number }>(
      IDENTIFY_MANY,
      this.valuesOf(asked),
    );
    for (const { place, ...record } of rows) made[place - 1] = record;
    return made;
  }

  /** @returns the new identification, whatever becomes of the client's credential; undefined when the client has been deleted */
  async identify(tx: EntityManager, asked: AskedFor): Promise<IdentificationRecord | undefined> {
    const [record] = await sql<IdentificationRecord>(tx, IDENTIFY_ONE, this.valuesOf([asked]));
    return record;
  }

  private valuesOf(asked: AskedFor[]): unknown[] {
    return valuesOf(asked, {
      seconds: this.config.identificationTtl,
      isProved: this.config.emailVerification === 'required',
    });
  }

  /** @returns undefined when the URL leads back from no result of the WAYF page that is good for this client and visitor */
  async identifyReturned(
    tx: EntityManager,
    clientId: string,
    { id, rest }: ReturnedUrl,
    { ip, userAgent }: Pick<Visitor, 'ip' | 'userAgent'>,
  ): Promise<Return | undefined> {
    const values = [id, clientId, rest, ip, userAgent, this.config.wayfReturnTtl];
    const [row] = await sql<Return>(tx, IDENTIFY_RETURNED, values);
    return row;
  }

  /** @returns the account that signed in with a client's result of the WAYF page, while a visitor may return by it */
  async findSignedIn(clientId: string, id: string): Promise<string | undefined> {
    const [row] = await sql<{ accountId: string }>(
      this.manager,
      `SELECT account_id AS "accountId" FROM identifications
       WHERE id = $1 AND client_id = $2 AND return_to IS NOT NULL AND expires_at > now()
         AND created_at > now() - $3 * interval '1 second'`,
      [id, clientId, this.config.wayfReturnTtl],
    );
    return row?.accountId;
  }

  /** @returns the client's identification, unless it has expired */
  async find(clientId: string, id: string): Promise<IdentificationRecord | undefined> {
    const [row] = await sql<IdentificationRecord>(
      this.manager,
      `SELECT i.id, host(i.ip) AS ip, i.url, i.user_agent AS "userAgent", i.email, i.created_at AS "createdAt",
         ${accountJson('a')} AS account, ${accountJson('b')} AS institution
       FROM identifications i LEFT JOIN accounts a ON a.id = i.account_id AND a.disabled_at IS NULL
         LEFT JOIN accounts b ON b.id = i.institution_id AND b.disabled_at IS NULL
       WHERE i.id = $1 AND i.client_id = $2 AND i.expires_at > now()`,
      [id, clientId],
    );
    return row;
  }

  /** @returns the URL to return the visitor to, while the identification has not expired and the client is good */
  async findUrl(id: string): Promise<string | undefined> {
    const [row] = await sql<{ url: string }>(
      this.manager,
      `SELECT i.url FROM identifications i JOIN oauth_clients c ON c.id = i.client_id
       WHERE i.id = $1 AND i.expires_at > now() AND ${isGoodClient('c')}`,
      [id],
    );
    return row?.url;
  }

  /** Creates an identified identification for the same client and URL.
   *
   * @returns its id; undefined when the identification has expired, or the account does not belong to the institution, has been disabled, or has changed its credentials since the password was checked
   */
  async identifySignedIn(tx: EntityManager, signIn: WayfSignIn): Promise<string | undefined> {
    const domains = domainsOver(signIn.email);
    const [row] = await sql<{ id: string }>(
      tx,
      `WITH a AS (
         SELECT id, email FROM accounts
         WHERE id = $1 AND credential_epoch = $2 AND disabled_at IS NULL FOR SHARE
       ), by_domain AS (
         SELECT b.id FROM account_email_domains d JOIN accounts b ON b.id = d.account_id
         WHERE d.domain = ANY ($3::text[]) AND b.disabled_at IS NULL AND ($4::uuid IS NULL OR $4 = $1 OR b.id = $4)
         ORDER BY array_position($3::text[], d.domain), b.created_at, b.id LIMIT 1
       )
       INSERT INTO identifications (ip, email, account_id, institution_id, client_id, url, user_agent, expires_at,
         return_to, credential_epoch)
       SELECT coalesce($5, i.ip), a.email, a.id, (SELECT id FROM by_domain), i.client_id, i.url, $6,
         now() + $7 * interval '1 second', $9, $2
       FROM a, identifications i JOIN oauth_clients c ON c.id = i.client_id
       WHERE i.id = $8 AND i.expires_at > now() AND ${isGoodClient('c')}
         AND ($4::uuid IS NULL OR a.id = $4 OR (SELECT id FROM by_domain) IS NOT NULL)
       FOR KEY SHARE OF c
       RETURNING id`,
      [
        signIn.accountId,
        signIn.credentialEpoch,
        domains,
        signIn.institutionId,
        signIn.ip,
        signIn.userAgent,
        this.config.identificationTtl,
        signIn.identificationId,
        signIn.returnTo,
      ],
    );
    return row?.id;
  }
}
