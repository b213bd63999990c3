// The latency of /healthz during twenty concurrent sign-ins at bcrypt cost 12, compared with the same server idle.
import { inDataDir, ms, quantile, startServer } from './support.js';

const SIGN_INS = 20;
const ROUNDS = 5;
const POLL_EVERY = 5;

async function post(url, path, account) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account }),
  });
  await response.text();
  return response.status;
}

/** Polls /healthz until `work` is done. */
async function pollDuring(url, work) {
  const times = [];
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  while (!done) {
    const begun = performance.now();
    await (await fetch(`${url}/healthz`)).text();
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
  }
  await finished;
  return times;
}

await inDataDir(async (dataDir) => {
  const server = await startServer(dataDir, { RATE_LIMIT_PER_MINUTE: '0', BCRYPT_COST: '12' });
  const accounts = Array.from({ length: SIGN_INS }, (_, index) => ({
    email: `bench${index}@example.org`,
    password: 'example',
  }));
  for (const account of accounts) await post(server.url, '/accounts', account);
  const idle = [];
  const busy = [];
  const spans = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    idle.push(...(await pollDuring(server.url, new Promise((resolve) => setTimeout(resolve, 1_000)))));
    const begun = performance.now();
    const signIns = Promise.all(accounts.map((account) => post(server.url, '/account/session', account)));
    busy.push(...(await pollDuring(server.url, signIns)));
    spans.push(performance.now() - begun);
    const refused = (await signIns).filter((status) => status !== 200);
    if (refused.length > 0) throw new Error(`Sign-ins failed with ${refused.join(', ')}.`);
  }
  await server.stop();
  const row = (times) => [0.5, 0.99, 1].map((share) => ms(quantile(times, share))).join(', ');
  console.log(`/healthz, p50, p99 and maximum, ${ROUNDS} rounds of ${SIGN_INS} sign-ins at cost 12:`);
  console.log(`  idle              ${row(idle)}  (${idle.length} polls)`);
  console.log(`  during sign-ins   ${row(busy)}  (${busy.length} polls)`);
  console.log(`  p99 ratio         ${(quantile(busy, 0.99) / quantile(idle, 0.99)).toFixed(1)} x idle`);
  console.log(`  all signed in     after ${ms(quantile(spans, 0.5))} (median)`);
});
