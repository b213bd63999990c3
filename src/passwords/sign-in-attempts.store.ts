import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { idByEmail } from '../accounts/accounts.store.js';
import { SIGN_IN_LOCKS } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { Sweeper } from '../database/sweeper.service.js';
import { spellingsOf } from '../emails/email-address.js';
import type { CountedPlace } from './sign-in-places.js';

/** What a sign-in has to know of an account. */
export interface SignInAccount {
  id: string;
  email: string | null;
  emailVerifiedAt: Date | null;
  passwordHash: string | null;
  initialPasswordAt: Date | null;
  disabledAt: Date | null;
  credentialEpoch: number;
}

/** What decides about an attempt before it is made. */
export interface Admission {
  /** The account with the email, disabled or not. */
  account: SignInAccount | undefined;
  /** The digests of addresses from which somebody has signed in to it. */
  addresses: Buffer[];
  /** For how many seconds nobody is admitted whose address is among them, or is not; Infinity: until that is lifted; null: not at all. */
  waits: { known: number | null; unknown: number | null };
  /** When it was admitted, by the database's clock. */
  begun: number;
}

/** What has become of an attempt. Unless it is `isTold`, nobody may learn whether the password was right. */
export interface Outcome {
  isTold: boolean;
  /** As the `waits` of {@link Admission}; null when it is not told: the lease has ended. */
  seconds: number | null;
}

/** Whose attempt it is, and where it counts. */
export interface Counted {
  /** A digest of the email. */
  account: string;
  places: CountedPlace[];
  begun: number;
}

/** For how many seconds an attempt is under way. It takes no row: what is not counted in time never was. */
const LEASE = 60;
/** The first delay, in seconds; each failure doubles it. */
const FIRST_DELAY = 15;
/** In days. */
const ADDRESSES_KEPT = 90;
const ROWS_KEPT = 90;
/** How many addresses of an account are known at once. */
const MOST_ADDRESSES = 20;

/** The place that counts the failures in a row of whoever is not known. */
export const UNKNOWN = 'unknown';

const secondsUntil = (time: string) =>
  `(extract(epoch FROM ${time}) - extract(epoch FROM statement_timestamp()))::float8`;

/** For how many seconds the account `$3` has to wait at the places of a parameter. */
const waitAt = (places: string) => `(
  SELECT ${secondsUntil('max(blocked_until)')} FROM sign_in_failures
  WHERE account = $3 AND place = ANY (${places}::text[]) AND blocked_until > statement_timestamp())`;

/** `$1` and `$2`: the spellings of an email, and the email; `$4` and `$5`: the places where its address is known, and where not. */
const ADMIT: PreparedStatement = {
  name: 'admit sign-in',
  text: `
    SELECT extract(epoch FROM statement_timestamp())::float8 AS begun, ${waitAt('$4')} AS known, ${waitAt('$5')} AS unknown,
      ARRAY(SELECT digest FROM known_addresses
        WHERE account_id = a.id AND seen_at > now() - interval '${ADDRESSES_KEPT} days') AS addresses,
      a.id, a.email, a.email_verified_at AS "emailVerifiedAt", a.password_hash AS "passwordHash",
      a.initial_password_at AS "initialPasswordAt", a.disabled_at AS "disabledAt", a.credential_epoch AS "credentialEpoch"
    FROM (VALUES (true)) AS always LEFT JOIN accounts a ON a.id = (${idByEmail('$1', '$2')})`,
};

/** Whether an attempt of the account `$1` at the places `$2`, begun at `$3`, may be told its outcome. */
const VERDICT = `
  verdict AS (
    SELECT max(blocked_until) AS blocked_until,
      max(blocked_until) IS NULL AND $3::float8 > extract(epoch FROM statement_timestamp()) - ${LEASE} AS told
    FROM sign_in_failures WHERE account = $1 AND place = ANY ($2::text[]) AND blocked_until > statement_timestamp()
  )`;

const OUTCOME = `told AS "isTold", ${secondsUntil('blocked_until')} AS seconds`;

/** `$4`: how many cost no time, by place; `$5`: the longest delay. The caller holds the lock of the account. */
const FAIL = `
  WITH ${VERDICT}, counted AS (
    SELECT w.place, w.most, f.ends_at, 1 + CASE WHEN f.ends_at > statement_timestamp() THEN f.count ELSE 0 END AS count
    FROM unnest($2::text[], $4::int[]) AS w (place, most)
    LEFT JOIN sign_in_failures f ON f.account = $1 AND f.place = w.place
    WHERE (SELECT told FROM verdict)
  ), delayed AS (
    SELECT place, most, count, ends_at, CASE WHEN count < most THEN NULL WHEN place = '${UNKNOWN}' THEN 'infinity' ELSE
      statement_timestamp() + least($5::float8, ${FIRST_DELAY} * 2 ^ least(count - most, 30)) * interval '1 second'
    END::timestamptz AS blocked_until
    FROM counted
  ), stored AS (
    INSERT INTO sign_in_failures AS f (account, place, count, blocked_until, ends_at)
    SELECT $1, place, count, blocked_until, CASE
      WHEN place = '${UNKNOWN}' THEN coalesce(blocked_until, statement_timestamp() + interval '${ROWS_KEPT} days')
      WHEN blocked_until IS NULL AND count > 1 THEN ends_at
      ELSE coalesce(blocked_until, statement_timestamp()) + $5::float8 * interval '1 second' END
    FROM delayed
    ON CONFLICT (account, place) DO UPDATE SET
      count = excluded.count, blocked_until = excluded.blocked_until, ends_at = excluded.ends_at
  )
  SELECT ${OUTCOME}, ARRAY(SELECT place FROM delayed WHERE count = most) AS locked FROM verdict`;

/**
 * `$4`: the places whose failures are made good; `$5`: the account's id, if the address is to be known, by `$6`.
 * One that is just being changed is not waited for.
 */
const SUCCEED = `
  WITH ${VERDICT}, cleared AS (
    DELETE FROM sign_in_failures WHERE account = $1 AND place = ANY ($4::text[]) AND (SELECT told FROM verdict)
    RETURNING place, count
  ), known AS (
    INSERT INTO known_addresses AS k (account_id, digest)
    SELECT a.id, $6::bytea FROM accounts a
    WHERE a.id = $5::uuid AND (SELECT told FROM verdict) AND NOT EXISTS (
      SELECT FROM known_addresses WHERE account_id = $5::uuid AND digest = $6::bytea AND seen_at > now() - interval '1 day')
    FOR KEY SHARE OF a SKIP LOCKED
    ON CONFLICT (account_id, digest) DO UPDATE SET seen_at = now()
    RETURNING k.account_id
  ), excess AS (
    DELETE FROM known_addresses k USING (
      SELECT o.account_id, o.digest FROM known_addresses o JOIN known USING (account_id) WHERE o.digest <> $6::bytea
      ORDER BY o.seen_at DESC OFFSET ${MOST_ADDRESSES - 1} FOR UPDATE OF o SKIP LOCKED
    ) o WHERE k.account_id = o.account_id AND k.digest = o.digest
  )
  SELECT ${OUTCOME} FROM verdict`;

/** The tables of failed sign-ins, and of the addresses from which others have succeeded. */
@Injectable()
export class SignInAttemptStore implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
    private readonly statements: Statements,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'sign_in_failures', time: 'ends_at', before: 'now()' });
    const before = `now() - interval '${ADDRESSES_KEPT} days'`;
    this.sweeper.add({ table: 'known_addresses', time: 'seen_at', before });
  }

  /**
   * @param account the digest of the email
   * @param places those that count where the address is known, and where it is not
   */
  async admit(email: string, account: string, places: { known: string[]; unknown: string[] }): Promise<Admission> {
    const values = [spellingsOf(email), email, account, places.known, places.unknown];
    const row = only(await this.statements.run<AdmissionRow>(ADMIT, values));
    const { begun, known, unknown, addresses, id, ...rest } = row;
    return { account: id === null ? undefined : { id, ...rest }, addresses, waits: { known, unknown }, begun };
  }

  /**
   * Counts a failure at all places, or at none of them if an attempt of these has to wait by now. Those of one account take
   * turns, so that of many at once no more are told than may be.
   *
   * @returns also the places at which the failure was the last one that cost no time
   */
  async fail(tx: EntityManager, { account, places, begun }: Counted, longest: number) {
    await this.takeTurn(tx, account);
    const [names, most] = [places.map(({ name }) => name), places.map((place) => place.most)];
    return only(await sql<Outcome & { locked: string[] }>(tx, FAIL, [account, names, begun, most, longest]));
  }

  /**
   * Makes failures good, and knows the address from then on, unless an attempt has to wait by now.
   *
   * @param signedIn absent: nothing of this is done
   */
  async succeed(
    { account, places, begun }: Counted,
    signedIn?: { accountId: string; digest: Buffer; madeGood: string[] },
  ): Promise<Outcome> {
    const names = places.map(({ name }) => name);
    const { accountId = null, digest = null, madeGood = [] } = signedIn ?? {};
    return only(await sql(this.manager, SUCCEED, [account, names, begun, madeGood, accountId, digest]));
  }

  /** Forgets the failures of an account. @returns whether there were any by which somebody had to wait */
  async forgive(manager: EntityManager, account: string): Promise<boolean> {
    const forgetting = async (tx: EntityManager) => {
      await this.takeTurn(tx, account);
      const rows = await sql<{ blocked: boolean }>(
        tx,
        `DELETE FROM sign_in_failures WHERE account = $1 RETURNING coalesce(blocked_until > now(), false) AS blocked`,
        [account],
      );
      return rows.some(({ blocked }) => blocked);
    };
    return manager.queryRunner?.isTransactionActive ? forgetting(manager) : manager.transaction(forgetting);
  }

  /** Waits for whoever counts a failure of the account, as two that lock several of its rows may wait in a circle. */
  private async takeTurn(tx: EntityManager, account: string): Promise<void> {
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, hashtext($2))', [SIGN_IN_LOCKS, account]);
  }

  /** Forgets from where somebody has signed in, and knows only this address. */
  async knowOnly(manager: EntityManager, accountId: string, digest: Buffer): Promise<void> {
    await sql(
      manager,
      `WITH others AS (DELETE FROM known_addresses WHERE account_id = $1 AND digest <> $2)
       INSERT INTO known_addresses (account_id, digest) SELECT id, $2 FROM accounts WHERE id = $1 FOR KEY SHARE
       ON CONFLICT (account_id, digest) DO UPDATE SET seen_at = now()`,
      [accountId, digest],
    );
  }
}

interface AdmissionRow extends Omit<SignInAccount, 'id'> {
  begun: number;
  known: number | null;
  unknown: number | null;
  addresses: Buffer[];
  id: string | null;
}

function only<Row>([row]: Row[]): Row {
  if (!row) throw new Error('The database has not said what becomes of the attempt.');
  return row;
}
