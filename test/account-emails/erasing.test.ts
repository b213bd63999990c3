import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  administer,
  askForAccount,
  askToVerify,
  change,
  claimOf,
  client,
  database,
  everyAnswerIsDescribed,
  here,
  NEW,
  newAccount,
  OLD,
  post,
  set,
  signIn,
  statusesOf,
  tables,
  verify,
  withTwoServers,
} from '../support/account-emails.js';
import { newEmail } from '../support/server.js';

withTwoServers();

beforeEach(() => {
  set({ emailVerification: 'required' });
});

/** @returns the tables in which a text stands, in whatever case */
async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of await tables()) {
    const rows = await database.query(`SELECT 1 FROM ${table} t WHERE t::text ILIKE '%' || $1 || '%' LIMIT 1`, [text]);
    if (rows.length > 0) found.push(table);
  }
  return found;
}

/** Somebody who has signed up, changed their email, and asked twice for what they have already. */
async function lived() {
  const { id, email: former } = await newAccount();
  await askToVerify(former);
  const { body } = await signIn(former, OLD);
  const email = newEmail();
  expect((await change(id, body.token as string, email)).status).toBe(200);
  expect((await verify(await claimOf(email))).status).toBe(200);
  await askToVerify(email);
  await post('/account/password', { email });
  expect((await signIn(email, 'wrong password')).status).toBe(401);
  return { id, former, email };
}

describe('Deleting an account', () => {
  it('leaves none of its emails in any table, also of those that it had before', async () => {
    const { id, former, email } = await lived();
    for (const one of [former, email]) {
      expect(await tablesWith(one)).toEqual(expect.arrayContaining(['audit_emails', 'email_links', 'outgoing_mails']));
    }
    expect((await administer('DELETE', id)).status).toBe(204);
    for (const one of [former, email]) expect([one, await tablesWith(one)]).toEqual([one, []]);
  });

  it('leaves what somebody else has asked for with its former email, and what waits there for whoever signs up', async () => {
    const { id, former, email } = await lived();
    // It is free again.
    await database.query(`UPDATE email_links SET ended_at = now() WHERE purpose = 'undo' AND account_id = $1`, [id]);
    const [begun] = await database.query<{ at: string }>('SELECT now()::text AS at');
    const next = await newAccount({ email: former });
    await askToVerify(former);
    const ofNext = () =>
      database.query(
        'SELECT kind, subject_id FROM outgoing_mails WHERE recipient = $1 AND created_at > $2 ORDER BY id',
        [former, begun?.at],
      );
    const before = await ofNext();
    expect((await administer('DELETE', id)).status).toBe(204);
    expect(before.length).toBeGreaterThan(0);
    expect(await ofNext()).toEqual(before);
    expect((await signIn(former, OLD)).status).toBe(200);
    expect((await administer('DELETE', next.id)).status).toBe(204);

    expect((await askForAccount(email, NEW)).status).toBe(201);
    expect((await verify(await claimOf(email), NEW)).status).toBe(200);
  });

  it('leaves an attempt to sign up that is not redeemed yet', async () => {
    const { id, email } = await newAccount({ verified: false });
    await askForAccount(email, NEW);
    expect((await administer('DELETE', id)).status).toBe(204);
    expect((await verify(await claimOf(email), NEW)).status).toBe(200);
  });

  it('takes the mails of an organisation with it too, by whoever it is deleted', async () => {
    for (const remove of [
      (id: string) => administer('DELETE', id),
      (id: string) => here.call('DELETE', `/api/accounts/${id}`, undefined, client),
    ]) {
      const email = newEmail();
      const [made] = await database.query<{ id: string }>(
        `INSERT INTO accounts (name, email, individual) VALUES ('Bedrock', $1, false) RETURNING id`,
        [email],
      );
      await database.query(
        `INSERT INTO outgoing_mails (kind, subject_id, recipient, done_at) VALUES ('sign_up', gen_random_uuid(), upper($1), now())`,
        [email],
      );
      expect(statusesOf([await remove(made?.id ?? '')])).toEqual([204]);
      expect([email, await tablesWith(email)]).toEqual([email, []]);
    }
  });
});

everyAnswerIsDescribed();
