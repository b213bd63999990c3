// The cost of one check of a cached API token (GET /v1/api/auth over one persistent connection): promises created, and
// bytes allocated on the heap. Neither depends on the speed of the machine.
import { spawnSync } from 'node:child_process';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const ROUNDS = 5;
const REQUESTS = 2_000;
/** In MiB: more than a round allocates, so that no garbage is collected during a round. */
const YOUNG_GENERATION = 256;
const FLAGS = ['--expose-gc', `--min-semi-space-size=${YOUNG_GENERATION}`, `--max-semi-space-size=${YOUNG_GENERATION}`];

if (!isMainThread) sendRequests(workerData);
else if (globalThis.gc) await measure();
else {
  const { status } = spawnSync(process.execPath, [...FLAGS, fileURLToPath(import.meta.url)], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`The measurement exited with code ${status}.`);
}

/** Sends requests in a thread of its own, whose promises and heap are not counted. */
function sendRequests({ url, token }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const options = { agent, headers: { authorization: `Bearer ${token}` } };
  const ask = () =>
    new Promise((resolve, reject) => {
      get(`${url}/v1/api/auth`, options, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`The answer was ${answer.statusCode}.`));
        answer.resume().once('end', resolve);
      }).once('error', reject);
    });
  parentPort.on('message', async (count) => {
    for (let sent = 0; sent < count; sent += 1) await ask();
    parentPort.postMessage('done');
  });
}

async function measure() {
  await import('reflect-metadata');
  const { inDataDir, quantile } = await import('./support.js');
  await inDataDir(async (dataDir) => {
    const { app, stop } = await startApp(dataDir);
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { url: await app.getUrl(), token: await makeToken(app) },
      execArgv: [],
    });
    const ask = async () => {
      worker.postMessage(REQUESTS);
      await once(worker, 'message');
    };
    await ask();
    const promises = [];
    const kibibytes = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      promises.push((await countPromises(ask)) / REQUESTS);
      kibibytes.push((await countBytes(ask)) / REQUESTS / 1_024);
    }
    console.log(`Hot check of an API token, medians of ${ROUNDS}:`);
    console.log(`  promises a request  ${quantile(promises, 0.5).toFixed(1)}`);
    console.log(`  heap a request      ${quantile(kibibytes, 0.5).toFixed(1)} KiB`);
    await worker.terminate();
    await stop();
  });
}

/** The server's application in this process, on an embedded database. */
async function startApp(dataDir) {
  const { startEmbeddedPostgres } = await import('../dist/src/database/embedded-postgres.js');
  const { migrate } = await import('../dist/src/database/migrate.js');
  const { withoutPooler } = await import('../dist/src/database/connection.js');
  const { loadConfig } = await import('../dist/src/config/config.js');
  const { createLogger } = await import('../dist/src/logging/logger.js');
  const { createServer, stopServer } = await import('../dist/src/server.js');
  const postgres = await startEmbeddedPostgres({ dataDir, log: { info() {}, warn() {}, error() {} } });
  const { connection } = postgres;
  await migrate(connection);
  const secretKeys = ['a secret key for benchmarks only and nowhere else'];
  const config = loadConfig({ DATA_DIR: dataDir, RATE_LIMIT_PER_MINUTE: '0' });
  const app = await createServer({ config, database: withoutPooler(connection), secretKeys }, createLogger('error'));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const stop = async () => {
    await stopServer(app);
    await postgres.stop();
  };
  return { app, stop };
}

async function makeToken(app) {
  const { EntityManager } = await import('typeorm');
  const { digestOf, hintOf } = await import('../dist/src/tokens/digest.js');
  const { TOKEN_KINDS } = await import('../dist/src/tokens/token-kinds.js');
  const secret = TOKEN_KINDS.api.format.mint('live');
  await app.get(EntityManager).query(
    `INSERT INTO tokens (kind, digest, hint, gateway_account_id, description)
     VALUES ('api', $1, $2, 'GATEWAY_ACCOUNT_1', 'bench')`,
    [digestOf(secret), hintOf(secret)],
  );
  return secret;
}

async function countPromises(work) {
  let count = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') count += 1;
    },
  }).enable();
  await work();
  hook.disable();
  return count;
}

async function countBytes(work) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  globalThis.gc();
  await turn();
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  await work();
  const after = process.memoryUsage().heapUsed;
  await turn();
  observer.disconnect();
  if (collections > 0) throw new Error('Garbage was collected during a round: the young generation is too small.');
  return after - before;
}
