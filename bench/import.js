// Imports made-up accounts by the program, kills it in the middle, resumes it, and reports time and peak memory:
// node bench/import.js [1000000]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';

const count = Number(process.argv[2] ?? 1_000_000);
const program = fileURLToPath(new URL('../dist/src/commands/latchkey.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'));

/** As another service exports them: every hundredth one is refused. */
async function writeAccounts(path) {
  const file = createWriteStream(path);
  const hash = `$2y$10$${'abcdefghijklmnopqrstu.'}${'h'.repeat(31)}`;
  for (let n = 1; n <= count; n += 1) {
    const email = n % 100 === 0 ? `not an email ${n}` : `person${n}@example.org`;
    const id = n.toString(16).padStart(24, '0');
    const line = { id, email, password_hash: hash, email_verified: true, created_at: '2015-10-10T12:12:00Z' };
    if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

/** Runs the program, and asks Linux for the most memory that it had. @param isHalfDone when to kill it */
async function run(env, args, isHalfDone) {
  const begun = performance.now();
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let peak = 0;
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  const timer = setInterval(() => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      peak = Math.max(peak, Number(kilobytes ?? 0) / 1024);
    } catch {
      // It has ended.
    }
  }, 50);
  const killer =
    isHalfDone &&
    setInterval(async () => {
      if (await isHalfDone()) child.kill('SIGKILL');
    }, 200);
  const [code] = await once(child, 'exit');
  clearInterval(timer);
  clearInterval(killer);
  return { code, text, seconds: (performance.now() - begun) / 1000, peak };
}

const log = { info() {}, warn: console.error, error: console.error };
const database = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log });
try {
  const { host, port, user, password, database: name } = database.connection;
  const url = `postgres://${user}:${password}@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  const env = { DATABASE_URL: url, SECRET_KEY: 'a key of the benchmark: 6f1c92ab47de', BCRYPT_COST: '12' };
  const file = join(folder, 'accounts.ndjson');
  await writeAccounts(file);
  const client = new pg.Client(database.connection);
  await client.connect();
  const accounts = async () => (await client.query('SELECT count(*)::int AS count FROM accounts')).rows[0].count;
  const isHalfDone = async () => (await accounts()) > count / 2;
  const runs = [
    ['dry run', ['--dry-run']],
    ['killed at half of it', [], isHalfDone],
    ['resumed', []],
    ['the same again', []],
  ];
  for (const [name, args, until] of runs) {
    const { code, text, seconds, peak } = await run(env, ['import', file, ...args], until);
    console.log(`${name}: ${seconds.toFixed(1)} s, ${peak.toFixed(0)} MiB at most, exit code ${code}`);
    console.log(`  ${text.trim().replaceAll('\n', '\n  ')}`);
    if (name !== 'dry run') console.log(`  accounts in the database: ${await accounts()}`);
  }
  await client.end();
} finally {
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}
