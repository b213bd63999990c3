// A crowd that signs in without pause, at bcrypt cost 12: how many others get in meanwhile, and what it does to checks
// of tokens. LATCHKEY_MAIN measures another build, such as the one before a change.
import { Agent, request } from 'node:http';
import { inDataDir, startServer } from './support/start.js';
import { ms, quantile } from './support/statistics.js';

const CROWD = 40;
const OTHERS = 20;
/** A sign-in that takes longer has failed, in milliseconds. */
const PATIENCE = 3_000;
const CHECKS = { connections: 200, storm: 50, rounds: 3, length: 4_000 };
const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const PASSWORD = 'an example of a password';

const agent = new Agent({ keepAlive: true });

/** One request, and how long its answer took, in milliseconds. */
function call(url, method, path, { body, headers = {} } = {}) {
  const begun = performance.now();
  const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, {
      method,
      agent,
      headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers },
    });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode, took: performance.now() - begun, text });
    });
    sent.end(bytes);
  });
}

const signIn = (url, index, from) =>
  call(url, 'POST', '/account/session', {
    body: { account: { email: `bench${index}@example.org`, password: PASSWORD } },
    headers: { 'x-forwarded-for': from },
  });

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Calls `ask` again and again, `count` at once, until `work` is done. @returns the answers */
async function meanwhile(count, ask, work) {
  const answers = [];
  let done = false;
  const loops = Array.from({ length: count }, async (_, index) => {
    while (!done) answers.push(await ask(index));
  });
  await work();
  done = true;
  await Promise.all(loops);
  return answers;
}

async function fairness(url, addresses) {
  const others = [];
  const noise = await meanwhile(
    CROWD,
    (index) => signIn(url, index, `192.0.${index % addresses}.1`),
    async () => {
      await pause(1_000);
      for (let index = 0; index < OTHERS; index += 1) {
        others.push(await signIn(url, CROWD + index, `198.51.${index}.7`));
        await pause(200);
      }
    },
  );
  const good = others.filter(({ status, took }) => status === 200 && took <= PATIENCE);
  const times = others.map(({ took }) => took);
  const slowest = Math.max(...noise.map(({ took }) => took));
  console.log(
    `${CROWD} connections that sign in from ${addresses} address(es), and ${OTHERS} sign-ins from elsewhere, one after the other:`,
  );
  console.log(`  within 3 s          ${good.length} of ${OTHERS}`);
  console.log(`  p50, maximum        ${[0.5, 1].map((share) => ms(quantile(times, share))).join(', ')}`);
  console.log(
    `  the crowd           ${count(noise, 200)} signed in, ${count(noise, 503)} refused; ${ms(slowest)} at most`,
  );
}

const count = (answers, status) => answers.filter((answer) => answer.status === status).length;

async function checks(url) {
  const made = await call(url, 'POST', '/v1/frontend/auth', {
    body: { account_id: 'GATEWAY_ACCOUNT_1', description: 'bench' },
    headers: { 'app-token': APP_TOKEN },
  });
  const headers = { authorization: `Bearer ${JSON.parse(made.text).token}` };
  const check = () => call(url, 'GET', '/v1/api/auth', { headers });
  const measured = { calm: [], storm: [] };
  const signIns = [];
  for (let round = 0; round <= CHECKS.rounds; round += 1) {
    const calm = await meanwhile(CHECKS.connections, check, () => pause(CHECKS.length));
    let storm;
    const crowd = await meanwhile(
      CHECKS.storm,
      (index) => signIn(url, index, `192.0.${index}.1`),
      async () => {
        storm = await meanwhile(CHECKS.connections, check, () => pause(CHECKS.length));
      },
    );
    // The first round warms up.
    if (round === 0) continue;
    measured.calm.push(calm);
    measured.storm.push(storm);
    signIns.push(...crowd);
  }
  const p99 = (answers) =>
    quantile(
      answers.map(({ took }) => took),
      0.99,
    );
  const median = (name) => quantile(measured[name].map(p99), 0.5);
  const rate = (name) => Math.round(measured[name].flat().length / ((CHECKS.rounds * CHECKS.length) / 1_000));
  if (
    Object.values(measured)
      .flat(2)
      .some(({ status }) => status !== 200)
  )
    throw new Error('A check was refused.');
  console.log(
    `Checks of a token on ${CHECKS.connections} connections, ${CHECKS.storm} sign-ins at once (medians of ${CHECKS.rounds}):`,
  );
  console.log(`  p99 without         ${ms(median('calm'))}  (${rate('calm')}/s)`);
  console.log(
    `  p99 with            ${ms(median('storm'))}  (${rate('storm')}/s), ${(median('storm') / median('calm')).toFixed(1)} x`,
  );
  console.log(`  the sign-ins        ${count(signIns, 200)} signed in, ${count(signIns, 503)} refused`);
}

await inDataDir(async (dataDir) => {
  const server = await startServer(dataDir, {
    RATE_LIMIT_PER_MINUTE: '0',
    BCRYPT_COST: '12',
    TRUST_PROXY: '1',
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  });
  try {
    for (let index = 0; index < CROWD + OTHERS; index += 1) {
      const account = { email: `bench${index}@example.org`, password: PASSWORD };
      const { status } = await call(server.url, 'POST', '/accounts', { body: { account } });
      if (status !== 201) throw new Error(`A sign-up was answered ${status}.`);
    }
    if (process.argv[2] !== 'checks') {
      await fairness(server.url, 1);
      await fairness(server.url, 4);
    }
    if (process.argv[2] !== 'fairness') await checks(server.url);
  } finally {
    await server.stop();
  }
});
