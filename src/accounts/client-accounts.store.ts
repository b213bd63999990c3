import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { isUniqueViolation } from '../errors/database-errors.js';
import type { AccountFields } from './account-fields.js';
import { LISTS } from './account-lists.store.js';

/** An account as clients see it. */
export interface ClientAccount {
  id: string;
  legacyId: string | null;
  name: string | null;
  publisherReference: string | null;
  individual: boolean;
  aliases: string[];
  networks: string[];
  emailDomains: string[];
  createdAt: Date;
  updatedAt: Date;
}

/** Networks of one account that share addresses with those of others. */
export interface Overlaps {
  found: { network: string; accountId: string; other: string }[];
  /** How many there are, up to a thousand. */
  count: number;
}

/** Where a page begins: after a cursor, after a number of accounts, or both. */
export interface PageStart {
  after?: Cursor | undefined;
  skip?: number;
}

/** What a client looks for; absent filters match everything. */
export interface ClientAccountFilters {
  /** Its spellings. */
  name?: string[] | undefined;
  publisherReference?: string | undefined;
  emailDomain?: string | undefined;
  /** Accounts with a network that shares addresses with this one. */
  network?: string | undefined;
}

export const NAME_TAKEN = Symbol('name taken');

const ACCOUNT = `
  a.id, a.legacy_id AS "legacyId", a.name, a.publisher_reference AS "publisherReference", a.individual, a.created_at AS "createdAt",
  a.updated_at AS "updatedAt", ${LISTS}`;

/** Organisations, and persons who cannot sign in: nobody signs in without an email. As in an index. */
const FOR_CLIENTS = '(NOT a.individual OR a.email IS NULL)';

/** A person whom an identification of the client `$2` has found. */
const FOUND_BY_CLIENT = `EXISTS (
  SELECT FROM identifications i WHERE i.account_id = a.id AND i.client_id = $2 AND i.expires_at > now())`;

const OLDEST_FIRST = keyset('a.created_at', 'a.id', 'ASC');

const MOST_OVERLAPS = 100;
/** Not all are counted: a very large network overlaps with most others. */
const MOST_COUNTED = 1_000;

/** The account table as clients see it: without disabled accounts, people who can sign in, and anybody's credentials. */
@Injectable()
export class ClientAccountStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the account, also a person whom an identification of the client has found */
  async find(id: string, clientId: string, manager = this.manager): Promise<ClientAccount | undefined> {
    const [row] = await sql<ClientAccount>(
      manager,
      `SELECT ${ACCOUNT} FROM accounts a
       WHERE a.id = $1 AND a.disabled_at IS NULL AND (${FOR_CLIENTS} OR ${FOUND_BY_CLIENT})`,
      [id, clientId],
    );
    return row;
  }

  /** @returns at most `limit` accounts, oldest first */
  list(
    limit: number,
    filters: ClientAccountFilters,
    { after, skip = 0 }: PageStart,
  ): Promise<(ClientAccount & Cursor)[]> {
    const values: unknown[] = [];
    const conditions = [
      'a.disabled_at IS NULL',
      FOR_CLIENTS,
      ...conditionsOf(filters, values),
      ...OLDEST_FIRST.behind(after, values),
    ];
    return sql<ClientAccount & Cursor>(
      this.manager,
      `SELECT ${ACCOUNT}, ${OLDEST_FIRST.micros} FROM (
         SELECT * FROM accounts a ${where(conditions)} ${OLDEST_FIRST.orderBy} LIMIT ${limit} OFFSET ${skip}
       ) a ${OLDEST_FIRST.orderBy}`,
      values,
    );
  }

  /** @returns the id of the new organisation; undefined when the name is taken */
  async insert(
    tx: EntityManager,
    organisation: { name: string; publisherReference: string | null },
  ): Promise<string | undefined> {
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO accounts (name, publisher_reference, individual) VALUES ($1, $2, false)
       ON CONFLICT (name) DO NOTHING RETURNING id`,
      [organisation.name, organisation.publisherReference],
    );
    return row?.id;
  }

  /** @returns whether there is such an organisation that is no admin; {@link NAME_TAKEN} */
  async update(
    tx: EntityManager,
    id: string,
    { name, publisherReference }: AccountFields,
  ): Promise<boolean | typeof NAME_TAKEN> {
    try {
      const rows = await sql(
        tx,
        `UPDATE accounts SET name = coalesce($2, name), updated_at = now(),
           publisher_reference = CASE WHEN $3 THEN $4 ELSE publisher_reference END
         WHERE id = $1 AND disabled_at IS NULL AND NOT individual AND role <> 'admin' RETURNING id`,
        [id, name ?? null, publisherReference !== undefined, publisherReference ?? null],
      );
      return rows.length === 1;
    } catch (error) {
      if (isUniqueViolation(error, 'accounts_name_key')) return NAME_TAKEN;
      throw error;
    }
  }

  /** @returns where networks of the account share addresses with those of other accounts that clients see */
  async overlaps(id: string): Promise<Overlaps> {
    const rows = await sql<Overlaps['found'][number]>(
      this.manager,
      `SELECT pair.network::text AS network, pair."accountId", pair.other::text AS other FROM (
         SELECT mine.network, theirs.account_id AS "accountId", theirs.network AS other
         FROM account_networks mine
           JOIN account_networks theirs ON theirs.network && mine.network AND theirs.account_id <> mine.account_id
           JOIN accounts a ON a.id = theirs.account_id AND a.disabled_at IS NULL AND ${FOR_CLIENTS}
         WHERE mine.account_id = $1 LIMIT ${MOST_COUNTED}
       ) pair ORDER BY pair.network, pair.other, pair."accountId"`,
      [id],
    );
    return { found: rows.slice(0, MOST_OVERLAPS), count: rows.length };
  }

  /** Locks an account against changes, until the transaction ends. */
  async lock(tx: EntityManager, id: string): Promise<void> {
    await sql(tx, 'SELECT 1 AS one FROM accounts WHERE id = $1 FOR NO KEY UPDATE', [id]);
  }

  /**
   * Locks an account until the transaction ends.
   * @returns its email; undefined unless it is an enabled organisation that is no admin and owns no clients
   */
  async lockOrganisation(tx: EntityManager, id: string): Promise<{ email: string | null } | undefined> {
    const [row] = await sql<{ email: string | null }>(
      tx,
      `SELECT email FROM accounts
       WHERE id = $1 AND NOT individual AND role <> 'admin' AND disabled_at IS NULL
         AND NOT EXISTS (SELECT FROM oauth_clients WHERE account_id = $1)
       FOR UPDATE`,
      [id],
    );
    return row;
  }

  /** Deletes an account and all that belongs to it. The caller holds a lock on it. */
  async remove(tx: EntityManager, id: string): Promise<void> {
    await longSql(tx, 'DELETE FROM accounts WHERE id = $1', [id]);
  }
}

/** @returns the conditions for accounts that match the filters, whose values are added to those of the statement */
function conditionsOf(filters: ClientAccountFilters, values: unknown[]): string[] {
  const conditions: Record<keyof ClientAccountFilters, (value: string) => string> = {
    name: (value) => `a.name = ANY (${value}::text[])`,
    publisherReference: (value) => `a.publisher_reference = ${value}`,
    emailDomain: (value) => `a.id IN (SELECT d.account_id FROM account_email_domains d WHERE d.domain = ${value})`,
    network: (value) => `a.id IN (SELECT n.account_id FROM account_networks n WHERE n.network && ${value}::cidr)`,
  };
  return Object.entries(conditions).flatMap(([filter, condition]) => {
    const value = filters[filter as keyof ClientAccountFilters];
    return value === undefined ? [] : [condition(`$${values.push(value)}`)];
  });
}
