import { execFile, type ExecFileOptions } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { announce } from '../src/bootstrap/announcement.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient } from './support/oauth.js';
import { freePort } from './support/process.js';
import { startServer, type TestServer } from './support/server.js';
import { PRINTED_URL, snippetsForClients } from './support/snippets.js';
import { makeAdmin } from './support/tokens.js';

/** The programs of test/generated-clients, and what docs/clients.md generates for them. */
const GENERATORS = {
  'openapi-fetch': 'openapi-typescript with openapi-fetch',
  'hey-api': '@hey-api/openapi-ts',
};

const BIN = resolve('node_modules/.bin');
/** With the programs, the examples of the document, and what is generated. */
const folder = mkdtempSync(join(tmpdir(), 'latchkey-generated-'));
const databases: TestDatabase[] = [];
const servers: TestServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await Promise.all(databases.map((database) => database.drop()));
  rmSync(folder, { recursive: true, force: true });
});

/** A new installation. */
async function install(): Promise<{ server: TestServer; env: Record<string, string>; bootstrap: string }> {
  const database = await createDatabase();
  databases.push(database);
  const port = await freePort();
  const server = await startServer(database.connection, { port, publicUrl: `http://127.0.0.1:${port}` });
  servers.push(server);
  const { email, password, appToken } = await makeAdmin(server);
  const client = await newClient(server);
  const env = {
    LATCHKEY: server.url,
    CLIENT_ID: client.id,
    CLIENT_SECRET: client.secret,
    APP_TOKEN: appToken,
    ADMIN_EMAIL: email,
    ADMIN_PASSWORD: password,
  };
  const first = {
    adminEmail: email,
    adminPassword: password,
    appToken,
    clientId: client.id,
    clientSecret: client.secret,
  };
  return { server, env, bootstrap: announce(server.config, first) };
}

/** @returns what a program printed. @throws with what it complained about */
function run(file: string, args: string[], options: ExecFileOptions = {}): Promise<string> {
  const env = { ...process.env, PATH: `${BIN}:${process.env.PATH ?? ''}`, ...options.env };
  return new Promise((settle, reject) => {
    execFile(file, args, { cwd: folder, ...options, env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file} ${args.join(' ')}: ${error.message}\n${String(stdout)}${String(stderr)}`));
      else settle(String(stdout));
    });
  });
}

/** @returns the calls of the API that a server has answered, each with its status, by its log; pages are none */
function callsOf({ logs }: TestServer): string[] {
  const lines = logs.map((line) => JSON.parse(line) as { method?: string; route?: string; status?: number });
  const calls = lines.filter(({ status, route }) => status !== undefined && !/^\/(wayf|docs)/.test(route ?? ''));
  return [
    ...new Set(calls.map(({ method, route, status }) => `${method ?? ''} ${route ?? ''} ${status ?? ''}`)),
  ].sort();
}

/** @returns the calls that the commands in docs/walkthrough.md make */
async function callsOfWalkthrough(): Promise<string[]> {
  const { server, bootstrap } = await install();
  const home = join(folder, 'walkthrough');
  mkdirSync(join(home, '.latchkey'), { recursive: true });
  writeFileSync(join(home, '.latchkey/bootstrap.txt'), bootstrap);
  const text = readFileSync('docs/walkthrough.md', 'utf8').replaceAll(PRINTED_URL, server.url);
  const commands = [...text.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block = '']) => block).join('');
  await run('bash', ['-euo', 'pipefail', '-c', commands], { cwd: home, env: { LATCHKEY: server.url } });
  return callsOf(server);
}

/** As somebody has it who follows docs/clients.md: generated from a running server, and compiled with what uses it. */
beforeAll(async () => {
  const { server } = await install();
  cpSync('test/generated-clients', folder, { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, heading] of Object.entries(GENERATORS)) {
    for (const { language, code } of snippetsForClients().filter((one) => one.heading === heading)) {
      const adapted = code.replaceAll(PRINTED_URL, server.url);
      if (language === 'bash') await run('bash', ['-euc', adapted.replace(/^npm install.*\n/gm, '')]);
      else writeFileSync(join(folder, `document-${name}.${language}`), adapted);
    }
  }
  await run('tsc', ['-p', '.']);
  walkthrough = await callsOfWalkthrough();
});

let walkthrough: string[];

it('They are compiled strictly, with the declarations that were generated, and know of every call', () => {
  expect(walkthrough).toEqual(expect.arrayContaining(['POST /oauth/v2/token 201', 'GET /api/accounts 403']));
  const { compilerOptions } = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: Record<string, unknown>;
  };
  expect(compilerOptions).toMatchObject({ strict: true });
  expect(compilerOptions).not.toHaveProperty('skipLibCheck');
});

describe.each(Object.keys(GENERATORS))('A client of %s', (name) => {
  it('makes every call of the walk-through, and is answered the same', async () => {
    const { server, env } = await install();
    await run(process.execPath, [join('out', `${name}.js`)], { env });
    const calls = callsOf(server);
    expect(walkthrough.filter((call) => !calls.includes(call))).toEqual([]);
  });

  it('does what docs/clients.md has it do', async () => {
    // The example is generated for, and speaks to, the server that describes itself.
    expect(await run(process.execPath, [join('out', `document-${name}.js`)])).toMatch(/^Signed in as [0-9a-f-]{36}\n/);
  });
});
