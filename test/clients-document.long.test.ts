import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../src/config/config.js';
import { SigningKeys } from '../src/keys/signing-keys.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { freePort } from './support/process.js';
import { claimsOf, signUp, startServer, type TestServer } from './support/server.js';
import { PRINTED_URL, snippetsForClients, type Snippet } from './support/snippets.js';
import { itWhere } from './support/where.js';

const snippets = snippetsForClients();

/** What runs each language: the first of these programs that has what the examples need. */
const INTERPRETERS: Record<string, { extension: string; programs: string[]; needs: string[] }> = {
  js: { extension: 'mjs', programs: [process.execPath], needs: ['--version'] },
  python: {
    extension: 'py',
    programs: ['python3', '/usr/bin/python3'],
    needs: ['-c', 'import jwt, cryptography'],
  },
  ruby: { extension: 'rb', programs: ['ruby', '/usr/bin/ruby'], needs: ['-e', 'require "jwt"'] },
};

const interpreterOf = ({ language }: Snippet) => {
  const { programs = [], needs = [] } = INTERPRETERS[language] ?? {};
  return programs.find((program) => spawnSync(program, needs).status === 0);
};

/** Those that nothing here can run; the document says so. */
const UNTRIED = ['Java: Spring Security'];
/** Those that test/generated-clients.long.test.ts runs, by their headings. */
const ELSEWHERE = ['openapi-typescript with openapi-fetch', '@hey-api/openapi-ts'];

const verifiers = snippets.filter(
  ({ language, code }) => language in INTERPRETERS && code.includes('/.well-known/jwks.json'),
);

const databases: TestDatabase[] = [];
/** With SESSION_AUDIENCE=latchkey, as the examples have it. */
let server: TestServer;
let plain: TestServer;
/** With the algorithm of the hardened profile. */
let hardened: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-clients-'));

beforeAll(async () => {
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const start = async (settings: Partial<Config>) => {
    const database = await createDatabase();
    databases.push(database);
    const port = await freePort();
    return startServer(database.connection, { port, publicUrl: `http://127.0.0.1:${port}`, ...settings });
  };
  server = await start({ sessionAudience: ['latchkey'] });
  plain = await start({});
  hardened = await start({ sessionAudience: ['latchkey'], sessionAlgorithm: 'PS512' });
});

afterAll(async () => {
  await Promise.all([server, plain, hardened].map((one) => one.close()));
  await Promise.all(databases.map((database) => database.drop()));
  rmSync(folder, { recursive: true, force: true });
});

/** @returns where a snippet has been written to, as it is printed, or with one more change */
function written({ heading, language, code }: Snippet, of: TestServer, change = (text: string) => text): string {
  const { extension = 'txt' } = INTERPRETERS[language] ?? {};
  const name = `${heading.replace(/\W+/g, '-')}-${new URL(of.url).port}.${extension}`;
  writeFileSync(join(folder, name), change(code.replaceAll(PRINTED_URL, of.url)));
  return join(folder, name);
}

/** What a verifier made of a token. */
interface Verdict {
  user: string | undefined;
  said: string;
}

/** @returns a function that has the program verify a token */
async function verifier(program: string, path: string): Promise<(token: string) => Promise<Verdict>> {
  if (!readFileSync(path, 'utf8').includes('process.env.PORT')) {
    return (token) =>
      new Promise((settle) => {
        execFile(program, [path, token], (error, stdout, stderr) => {
          settle({ user: error ? undefined : stdout.trim(), said: stderr });
        });
      });
  }
  const port = await freePort();
  const child = spawn(program, [path], { env: { ...process.env, PORT: String(port) }, stdio: 'inherit' });
  stops.push(async () => {
    child.kill();
    await once(child, 'exit');
  });
  return async (token) => {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { authorization: `Bearer ${token}` } }).catch(
        () => undefined,
      );
      if (answer?.status === 200) return { user: (await answer.text()).trim(), said: '' };
      if (answer?.status === 401) return { user: undefined, said: '' };
      if (answer) throw new Error(`The server of the example answered ${answer.status}.`);
      if (child.exitCode !== null) throw new Error('The server of the example has ended.');
      await sleep(50);
    }
  };
}

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** @returns tokens that are like the given one, and must be refused */
async function forgeries(token: string): Promise<Record<string, string>> {
  const { kid, privateKey, publicKey } = await server.app.get(SigningKeys).current();
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = claimsOf(token);
  const signed = (changes: object, key: KeyObject = privateKey, head: object = {}, hash = 'RSA-SHA512') => {
    const text = `${part({ typ: 'JWT', alg: 'RS512', kid, ...head })}.${part({ ...claims, ...changes })}`;
    return `${text}.${sign(hash, Buffer.from(text), key).toString('base64url')}`;
  };
  const hmacText = `${part({ typ: 'JWT', alg: 'HS512', kid })}.${payload}`;
  const pem = publicKey.export({ format: 'pem', type: 'spki' });
  return {
    'a changed user': `${header}.${part({ ...claims, data: { ...claims.data, id: 'x' } })}.${signature}`,
    'the signature of another key': signed({}, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    'no signature': `${part({ typ: 'JWT', alg: 'none', kid })}.${payload}.`,
    'an HMAC with the public key': `${hmacText}.${createHmac('sha512', pem).update(hmacText).digest('base64url')}`,
    RS256: signed({}, privateKey, { alg: 'RS256' }, 'RSA-SHA256'),
    'an unknown key': signed({}, privateKey, { kid: 'unknown' }),
    'another issuer': signed({ iss: 'http://elsewhere.test' }),
    'another audience': signed({ aud: [server.url, 'shop'] }),
    'no audience': signed({ aud: undefined }),
    'another subject': signed({ sub: 'other' }),
    'an expiry in the past': signed({ exp: 1_000_000_000 }),
    nonsense: 'nonsense',
  };
}

/** As the document says: without SESSION_AUDIENCE, without the line of the audience. */
const withoutAudience = (code: string) => code.replace(/^.*\baud(ience)?\b.*\n/gm, '');

const named = verifiers.map((snippet) => {
  const program = interpreterOf(snippet);
  const missing = program === undefined ? ` (skipped: ${snippet.language} with what it needs is not there)` : '';
  return { snippet, program: program ?? '', name: `${snippet.heading}${missing}` };
});

describe.each(named)('$name', ({ snippet, program }) => {
  const tried = itWhere({
    has: program !== '',
    otherwise: `for ${snippet.heading}, install ${snippet.language} with what the example needs`,
  });

  tried('says who the user is, and takes no forgery', async () => {
    const verify = await verifier(program, written(snippet, server));
    const { id, token } = await signUp(server);
    const good = await verify(token);
    expect(good).toMatchObject({ user: id });
    const taken: string[] = [];
    for (const [name, forgery] of Object.entries(await forgeries(token))) {
      if ((await verify(forgery)).user !== undefined) taken.push(name);
    }
    expect(taken).toEqual([]);
    // It was the forgeries that were refused: the program still works.
    expect(await verify(token)).toEqual(good);
  });

  tried('says it without SESSION_AUDIENCE too, without the line that names one', async () => {
    const verify = await verifier(program, written(snippet, plain, withoutAudience));
    const { id, token } = await signUp(plain);
    expect(await verify(token)).toMatchObject({ user: id });
  });

  tried('says it of PS512, as the hardened profile has it, when that is the algorithm it takes', async () => {
    const change = (code: string) => code.replaceAll('RS512', 'PS512');
    const verify = await verifier(program, written(snippet, hardened, change));
    const { id, token } = await signUp(hardened);
    expect(JSON.parse(atob(token.split('.', 1)[0] ?? ''))).toMatchObject({ alg: 'PS512' });
    expect(await verify(token)).toMatchObject({ user: id });
  });
});

it('Every example of docs/clients.md is run by a suite, or said to be untried', () => {
  const run = new Set([...verifiers.map(({ heading }) => heading), ...ELSEWHERE]);
  const others = [...new Set(snippets.map(({ heading }) => heading).filter((heading) => !run.has(heading)))];
  expect(others).toEqual(UNTRIED);
  const text = readFileSync('docs/clients.md', 'utf8');
  for (const heading of UNTRIED) expect(text.split(`# ${heading}\n`)[1]).toMatch(/^\nNot tried/);
  expect(verifiers).toHaveLength(5);
});
