import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../src/logging/logger.js';
import { start } from '../src/start.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { TEST_SECRET_KEY, testConfig } from './support/server.js';

const silent = createLogger('silent');

describe('A start that cannot be', () => {
  let folder: string;

  beforeEach(() => {
    folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
  });

  afterEach(() => cleanUp());

  const cases: [what: string, env: (folder: string) => Record<string, string>, sentence: string][] = [
    [
      'a DATA_DIR that is a file',
      (folder) => ({ DATA_DIR: join(folder, 'file') }),
      'is a file. Set DATA_DIR to a folder that this user can write to.',
    ],
    [
      'a DATA_DIR below a file',
      (folder) => ({ DATA_DIR: join(folder, 'file/data') }),
      'is, or lies below, a file. Set DATA_DIR to a folder',
    ],
    [
      'a DATA_DIR where no folder can be made',
      () => ({ DATA_DIR: '/proc/latchkey/data' }),
      'cannot be made there. Set DATA_DIR to a folder',
    ],
    [
      'a HOST of another machine',
      () => ({ HOST: '192.0.2.77' }),
      'HOST 192.0.2.77 is no address of this machine. Set HOST to',
    ],
    ['a HOST that is no name', () => ({ HOST: 'latchkey.invalid' }), 'HOST latchkey.invalid is a name that'],
  ];

  it.each(cases)('with %s ends with a sentence that says what to do', async (_, env, sentence) => {
    const server = await ServerProcess.start({ DATA_DIR: join(folder, 'data'), ...env(folder) });
    expect((await server.exited).code).toBe(1);
    const { level, msg } = server.log.at(-1) ?? {};
    expect(level).toBe('fatal');
    expect(msg).toContain(sentence);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('as nothing listens where the database is to be, says so while it waits, without the password', async () => {
    const nowhere = 'postgres://someone:hunter2@127.0.0.1:1/accounts';
    const server = await ServerProcess.start({ DATABASE_URL: nowhere, SECRET_KEY: TEST_SECRET_KEY });
    await eventually(() => {
      expect(server.output).toContain('waiting for the database: connect ECONNREFUSED 127.0.0.1:1 ');
    });
    expect(server.output).toContain('Is PostgreSQL running there, and is DATABASE_URL right?');
    expect(server.output).not.toContain('hunter2');
    expect((await server.stop()).code).toBe(0);
  });

  it('without the packages says how to install them', async () => {
    const tree = newFolder();
    cpSync(resolve('dist'), join(tree, 'dist'), { recursive: true });
    cpSync(resolve('package.json'), join(tree, 'package.json'));
    const server = await ServerProcess.start({}, { command: [process.execPath, join(tree, 'dist/src/main.js')] });
    expect((await server.exited).code).toBe(1);
    expect(server.stderr).toMatch(/^The package [@\w/-]+ is not installed\. Run npm ci first\.\n$/);
  });

  it('on a Node.js that is too old says which will do', async () => {
    const tree = newFolder();
    cpSync(resolve('dist'), join(tree, 'dist'), { recursive: true });
    writeFileSync(join(tree, 'package.json'), '{ "type": "module", "engines": { "node": "^98.1.0 || >=99.2.0" } }');
    mkdirSync(join(tree, 'node_modules'));
    symlinkSync(resolve('node_modules/pg'), join(tree, 'node_modules/pg'));
    const server = await ServerProcess.start({}, { command: [process.execPath, join(tree, 'dist/src/main.js')] });
    expect((await server.exited).code).toBe(1);
    const { node } = process.versions;
    expect(server.stderr).toBe(
      `Latchkey requires Node.js 98.1+ (98.x) or 99.2+; this is ${node}. See https://nodejs.org\n`,
    );
  });
});

describe('A database that cannot be used', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase({ empty: true });
  });

  afterAll(() => database.drop());

  const starting = (connection: object) =>
    start(testConfig({ database: { ...database.connection, ...connection } }), silent, () => undefined);

  it('as its name is wrong, is named, and how to make it', async () => {
    await expect(starting({ database: 'nobody_made_it' })).rejects.toThrow(
      'Create it (createdb nobody_made_it), or correct DATABASE_URL.',
    );
  });

  it('as the password is wrong, is waited for no longer', async () => {
    await expect(starting({ password: 'another' })).rejects.toThrow(
      /^password authentication failed .*\. Check the user and the password in DATABASE_URL\.$/,
    );
  });

  it('as the role may not make tables, says how to let it', async () => {
    const role = `role_${randomUUID().replaceAll('-', '')}`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    try {
      const name = database.connection.database;
      await expect(starting({ user: role, password: role })).rejects.toThrow(
        `permission denied for schema public. Make "${role}" the owner of the database "${name}"`,
      );
    } finally {
      await database.query(`DROP ROLE ${role}`);
    }
  });
});
