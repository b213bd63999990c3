import { request } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { urlOf } from '../support/database.js';
import {
  countOf,
  database,
  isReplay,
  making,
  newKey,
  replica,
  send,
  server,
  user,
  withTwoServers,
} from '../support/idempotency.js';
import { waiting, whileLocked } from '../support/locks.js';
import { cleanUp, eventually, newFolder, ServerProcess } from '../support/process.js';
import { TEST_SECRET_KEY, type Answer } from '../support/server.js';

withTwoServers();
afterAll(cleanUp);

const APP_TOKENS = making('/api/v1/app_tokens/');
/** Nobody can insert a token meanwhile. */
const NO_TOKENS = 'LOCK TABLE tokens IN SHARE MODE';
/** As though the lease of whoever has the key had gone by. */
const endLeases = () => database.query(`UPDATE idempotency_keys SET claimed_until = now() - interval '1 second'`);
/** As though it had begun just now, however long a busy machine took. */
const renewLeases = () => database.query(`UPDATE idempotency_keys SET claimed_until = now() + interval '15 seconds'`);
const problemOf = ({ status, body, headers }: Answer) => [
  status,
  (body as { errors?: object }).errors,
  headers.get('retry-after'),
];
const UNDER_WAY = [409, { idempotency_key: 'belongs to a request that is still in progress' }, '1'];
const LOST = [409, { idempotency_key: 'belongs to a request that succeeded, but whose response was not saved' }, null];

describe('A process that is killed', () => {
  it('while it carries out a request leaves its key for seconds, and nothing made', async () => {
    const doomed = await (
      await ServerProcess.start({
        DATABASE_URL: urlOf(database.connection),
        DATA_DIR: newFolder(),
        PUBLIC_URL: 'http://latchkey.test',
        SECRET_KEY: TEST_SECRET_KEY,
        RATE_LIMIT_PER_MINUTE: '0',
        RUN_MIGRATIONS: 'false',
      })
    ).ready();
    const [key, body, before] = [newKey(), APP_TOKENS.body(), await countOf(APP_TOKENS)];
    await whileLocked(database, NO_TOKENS, [], async () => {
      const lost = send(APP_TOKENS, body, key, doomed).catch(() => 'no answer');
      await waiting(database, 1);
      process.kill(doomed.pid, 'SIGKILL');
      expect(await lost).toBe('no answer');
      await waiting(database, 0).catch(() => undefined);
    });
    const [lease] = await database.query<{ seconds: number }>(
      'SELECT extract(epoch FROM claimed_until - now())::float8 AS seconds FROM idempotency_keys WHERE answer IS NULL',
    );
    expect(lease?.seconds).toBeLessThan(20);
    await renewLeases();
    expect(problemOf(await send(APP_TOKENS, body, key))).toEqual(UNDER_WAY);
    await endLeases();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => send(APP_TOKENS, body, key, i % 2 === 0 ? server : replica)),
    );
    expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(1);
    expect(await countOf(APP_TOKENS)).toBe(before + 1);
  });

  it('between what it made and the answer leaves what says so: it is not made again', async () => {
    const [key, body] = [newKey(), APP_TOKENS.body()];
    expect((await send(APP_TOKENS, body, key)).status).toBe(201);
    const before = await countOf(APP_TOKENS);
    // As a kill before the answer is stored leaves it: that it was made is in the transaction that made it.
    const left = await database.query(
      'UPDATE idempotency_keys SET answer = NULL WHERE acted_at IS NOT NULL AND answer IS NOT NULL RETURNING 1',
    );
    expect(left.length).toBeGreaterThan(0);
    await renewLeases();
    expect(problemOf(await send(APP_TOKENS, body, key))).toEqual(UNDER_WAY);
    await endLeases();
    for (const at of [server, replica]) expect(problemOf(await send(APP_TOKENS, body, key, at))).toEqual(LOST);
    expect(await countOf(APP_TOKENS)).toBe(before);
    expect((await send(APP_TOKENS, body, newKey())).status).toBe(201);
  });
});

describe('A request that is slower than its lease', () => {
  it('makes nothing when another has taken its key', async () => {
    const [key, body, before] = [newKey(), APP_TOKENS.body(), await countOf(APP_TOKENS)];
    const both = await whileLocked(database, NO_TOKENS, [], async () => {
      const slow = send(APP_TOKENS, body, key);
      await waiting(database, 1);
      await endLeases();
      const next = send(APP_TOKENS, body, key, replica);
      await waiting(database, 2);
      return [slow, next];
    });
    const [slow, next] = (await Promise.all(both)) as [Answer, Answer];
    expect(problemOf(slow)).toEqual(UNDER_WAY);
    expect([next.status, isReplay(next)]).toEqual([201, false]);
    expect(await countOf(APP_TOKENS)).toBe(before + 1);
    expect((await send(APP_TOKENS, body, key)).body).toEqual(next.body);
  });
});

describe('An answer that never arrived', () => {
  it('is given to whoever asks again', async () => {
    const [key, body, before] = [newKey(), APP_TOKENS.body(), await countOf(APP_TOKENS)];
    await whileLocked(database, NO_TOKENS, [], async () => {
      const sent = request(`${server.url}${APP_TOKENS.path()}`, {
        method: 'POST',
        headers: { ...user.headers, 'content-type': 'application/json', 'idempotency-key': key },
      });
      sent.on('error', () => undefined);
      sent.end(JSON.stringify(body));
      await waiting(database, 1);
      sent.destroy();
    });
    await eventually(async () => {
      const again = await send(APP_TOKENS, body, key, replica);
      expect([again.status, isReplay(again)]).toEqual([201, true]);
    });
    expect(await countOf(APP_TOKENS)).toBe(before + 1);
  });
});
