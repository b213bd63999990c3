import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { waiting, whileLocked } from '../support/locks.js';
import {
  admin,
  ask,
  CLIENTS,
  database,
  get,
  GRANT,
  INACTIVE,
  introspect,
  liveTokens,
  make,
  opens,
  outcome,
  patch,
  post,
  refused,
  remove,
  revoke,
  server,
  withAsker,
} from '../support/oauth-contract.js';
import { newAccessToken, postForm, type Client } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, type Answer } from '../support/server.js';
import { rowOf, signedInAdmin, type User } from '../support/tokens.js';

withAsker();

describe('A token of a client that is committed after what has overtaken it', () => {
  const HOLD = 7_001;

  /** From now on every grant waits for a lock when its token has been inserted, and nothing else does. */
  beforeAll(async () => {
    await database.query(`
      CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(${HOLD}); RETURN NEW;
      END $$;
      CREATE TRIGGER hold_up BEFORE INSERT ON audit_events FOR EACH ROW
        WHEN (NEW.kind = 'token.issued' AND NEW.details->>'kind' = 'oauth') EXECUTE FUNCTION hold_up()`);
  });

  afterAll(async () => {
    await database.query('DROP TRIGGER hold_up ON audit_events; DROP FUNCTION hold_up');
  });

  /** @returns the token that was asked for before the change, and committed after it */
  async function overtaken(client: Client, change: () => Promise<Answer>): Promise<string> {
    const holder = new pg.Client(database.connection);
    await holder.connect();
    try {
      await holder.query(`SELECT pg_advisory_lock(${HOLD})`);
      const asking = ask(client);
      await eventually(async () => {
        const waiting = await database.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
        expect(waiting).toHaveLength(1);
      });
      expect([200, 204]).toContain((await change()).status);
      await holder.query(`SELECT pg_advisory_unlock(${HOLD})`);
      const { status, body } = await asking;
      expect(status).toBe(200);
      return body.access_token as string;
    } finally {
      await holder.end();
    }
  }

  /** What overtakes it, and whether the tokens that there were before stay good. */
  const changes: [
    name: string,
    stay: boolean,
    change: (meeting: { client: Client & { secretId: string }; owner: User }) => Promise<Answer>,
  ][] = [
    ['its tokens are revoked', false, ({ client }) => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers)],
    [
      'it loses scopes',
      true,
      ({ client }) => patch(`${CLIENTS}/${client.id}`, { scopes: ['accounts:read'] }, admin.headers),
    ],
    [
      'another answers for it',
      true,
      ({ client }) => patch(`${CLIENTS}/${client.id}`, { owner: admin.id }, admin.headers),
    ],
    [
      'all of its owner is revoked',
      false,
      ({ owner }) => post(`/api/v1/accounts/${owner.id}/revoke`, undefined, admin.headers),
    ],
    [
      'its owner is disabled',
      false,
      ({ owner }) => patch(`/api/v1/accounts/${owner.id}`, { disabled: true }, admin.headers),
    ],
  ];

  it.each(changes)('is refused: %s', async (_, stay, change) => {
    const owner = await signedInAdmin(server);
    const client = await make(CLIENT_SCOPE_NAMES, owner);
    const earlier = await newAccessToken(server, client);
    const late = await overtaken(client, () => change({ client, owner }));
    expect(await opens(bearer(late))).toBe(false);
    expect(outcome(await introspect(late))).toEqual(INACTIVE);
    expect(await opens(bearer(earlier))).toBe(stay);
    // Nor does what gives the client back bring it back.
    await patch(`/api/v1/accounts/${owner.id}`, { disabled: false }, admin.headers);
    await patch(`${CLIENTS}/${client.id}`, { scopes: CLIENT_SCOPE_NAMES, owner: admin.id }, admin.headers);
    expect(await opens(bearer(late))).toBe(false);
    expect(await opens(bearer(earlier))).toBe(stay);
  });

  it.each<[name: string, change: object]>([
    ['its name', { name: 'other' }],
    ['the same scopes again', { scopes: ['accounts:read'] }],
    ['more scopes', { scopes: CLIENT_SCOPE_NAMES }],
  ])('is good when nothing is taken away: %s', async (_, change) => {
    const client = await make(['accounts:read']);
    const token = await overtaken(client, () => patch(`${CLIENTS}/${client.id}`, change, admin.headers));
    expect(await opens(bearer(token))).toBe(true);
  });
});

describe('A token of a client that the previous release issued', () => {
  /** As that release stores it: without an epoch. */
  async function issuedBefore(client: Client): Promise<string> {
    const token = await newAccessToken(server, client);
    await database.query('UPDATE tokens SET client_epoch = NULL WHERE id = $1', [(await rowOf(database, token)).id]);
    return token;
  }

  it('is good, and stays so when its client changes', async () => {
    const client = await make();
    const token = await issuedBefore(client);
    expect(await opens(bearer(token))).toBe(true);
    await patch(`${CLIENTS}/${client.id}`, { scopes: ['accounts:read'] }, admin.headers);
    expect((await introspect(token)).body).toMatchObject({ active: true, scope: 'accounts:read' });
    expect((await get('/api', bearer(token))).status).toBe(403);
    expect(await opens(bearer(token))).toBe(true);
  });

  it.each<[name: string, revoke: (client: Client, token: string) => Promise<Answer>]>([
    ['by an admin', (client) => post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers)],
    ['by its client', (client, token) => revoke(client, token)],
  ])('can be revoked %s', async (_, end) => {
    const client = await make();
    const token = await issuedBefore(client);
    expect([200, 204]).toContain((await end(client, token)).status);
    expect(await opens(bearer(token))).toBe(false);
  });
});

describe('A token that is asked for while its client changes', () => {
  /** Holds up every act on clients just before its end, while `during` runs. */
  const heldUp = (during: () => Promise<unknown>) =>
    whileLocked(database, 'LOCK TABLE audit_events IN SHARE MODE', [], during);

  /** The answers to a change and to a request for a token that comes while the change is under way. */
  async function meanwhile(client: Client, change: () => Promise<Answer>): Promise<[changed: Answer, asked: Answer]> {
    // From now on its secret is remembered, and not looked up.
    expect((await ask(client)).status).toBe(200);
    let both: [Promise<Answer>, Promise<Answer>] | undefined;
    await heldUp(async () => {
      const changing = change();
      await waiting(database, 1);
      const asking = ask(client);
      both = [changing, asking];
      await waiting(database, 2);
    });
    if (!both) throw new Error('Nothing was asked.');
    return Promise.all(both);
  }

  it('is refused when the client is deleted', async () => {
    const client = await make();
    const [changed, asked] = await meanwhile(client, () => remove(`${CLIENTS}/${client.id}`, admin.headers));
    expect(changed.status).toBe(204);
    expect(outcome(asked)).toEqual(refused(401, 'invalid_client'));
    expect(await database.query('SELECT 1 FROM tokens WHERE client_id = $1', [client.id])).toEqual([]);
  });

  it('is given, and good, when a second secret is added', async () => {
    const client = await make();
    const [changed, asked] = await meanwhile(client, () =>
      post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers),
    );
    expect([changed.status, asked.status]).toEqual([201, 200]);
    expect(await opens(bearer(asked.body.access_token as string))).toBe(true);
  });

  it('is dead, or never was, when its secret is deleted and then its tokens are ended, in five races', async () => {
    for (let round = 0; round < 5; round += 1) {
      const client = await make();
      await newAccessToken(server, client);
      const ending = remove(`${CLIENTS}/${client.id}/secrets/${client.secretId}`, admin.headers).then(() =>
        post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers),
      );
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(client)));
      expect((await ending).status).toBe(204);
      for (const { status, body } of answers) {
        expect([200, 401]).toContain(status);
        if (status === 200) expect(await opens(bearer(body.access_token as string))).toBe(false);
      }
      expect(await liveTokens(client.id)).toEqual([]);
      expect((await ask(client)).status).toBe(401);
    }
  });
});

describe('The log', () => {
  it('holds no secret of a client and no token', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    await postForm(server, '/oauth/token', { client_id: client.id, client_secret: client.secret });
    await postForm(server, `/oauth/token?client_secret=${client.secret}`, GRANT);
    await get(`/api/accounts?access_token=${token}`, bearer(token));
    await introspect(token);
    await revoke(client, token);
    const log = server.logs.join('\n');
    expect(log).toContain('/oauth/introspect');
    expect([client.secret, token].filter((text) => log.includes(text))).toEqual([]);
  });
});
