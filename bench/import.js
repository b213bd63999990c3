// Imports made-up accounts by the program, and reports time and peak memory: node bench/import.js [1000000]
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

/** Runs the program, and asks Linux for the most memory that it had. */
async function run(env, args) {
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
  const [code] = await once(child, 'exit');
  clearInterval(timer);
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
  for (const args of [['--dry-run'], [], []]) {
    const { code, text, seconds, peak } = await run(env, ['import', file, ...args]);
    console.log(`import ${args.join(' ')}: ${seconds.toFixed(1)} s, ${peak.toFixed(0)} MiB at most, exit code ${code}`);
    console.log(`  ${text.trim().replaceAll('\n', '\n  ')}`);
  }
  const client = new pg.Client(database.connection);
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS accounts FROM accounts');
  await client.end();
  console.log(`accounts in the database: ${rows[0].accounts}`);
} finally {
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}
