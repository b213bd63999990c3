import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { domainsOver } from '../emails/email-domains.js';
import { CONFIG, type Config } from '../config/config.js';
import { inPlaces, type Placed } from '../database/look-ups.js';
import { sql } from '../database/sql.js';
import { Statements } from '../database/statements.service.js';
import { Sweeper } from '../database/sweeper.service.js';
import { isGoodClient } from '../tokens/good-client.js';
import type { AskedFor, IdentificationRecord, Return, Visitor, WayfSignIn } from './identification-records.js';
import { accountJson, IDENTIFY_MANY, IDENTIFY_ONE, valuesOf } from './identify-visitors.js';
import type { ReturnedUrl } from './return-urls.js';

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
    const rows = await this.statements.run<Placed<IdentificationRecord>>(IDENTIFY_MANY, this.valuesOf(asked));
    return inPlaces(rows, asked.length);
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
