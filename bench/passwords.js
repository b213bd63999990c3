// How long sign-ins take that fail, in pairs: an email that has an account and one that has none, one right after the other,
// after BCRYPT_COST was lowered, left and raised. If an email could be told by its time, one of each pair would be the slower one.
import { inDataDir, startServer } from './support/start.js';
import { ms, quantile } from './support/statistics.js';

const STORED = '10';
const PAIRS = 60;
const PASSWORDS = { ASCII: 'wrong password', 'two spellings': 'caf\u00e9 au lait' };
const UNLIMITED = { RATE_LIMIT_PER_MINUTE: '0', LOGIN_MAX_FAILURES: '1000000' };

async function timed(url, account, expected) {
  const begun = performance.now();
  const response = await fetch(`${url}/${expected === 201 ? 'accounts' : 'account/session'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account }),
  });
  await response.text();
  if (response.status !== expected) throw new Error(`The answer was ${response.status}.`);
  return performance.now() - begun;
}

async function measure(url, password) {
  const [known, unknown] = [[], []];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const one = async () => known.push(await timed(url, { email: `known${pair % 10}@example.org`, password }, 401));
    const other = async () => unknown.push(await timed(url, { email: `nobody${pair}@example.org`, password }, 401));
    // Neither is always the first.
    for (const next of pair % 2 === 0 ? [one, other] : [other, one]) await next();
  }
  const slower = known.filter((time, pair) => time < unknown[pair]).length / PAIRS;
  return `known ${ms(quantile(known, 0.5))}, unknown ${ms(quantile(unknown, 0.5))}; unknown is slower in ${Math.round(100 * slower)} %`;
}

await inDataDir(async (dataDir) => {
  const first = await startServer(dataDir, { ...UNLIMITED, BCRYPT_COST: STORED });
  for (let index = 0; index < 10; index += 1) {
    await timed(first.url, { email: `known${index}@example.org`, password: 'a good example' }, 201);
  }
  await first.stop();
  console.log(`Failed sign-ins, medians of ${PAIRS} pairs, hashes of cost ${STORED}:`);
  for (const cost of ['8', '10', '11']) {
    const server = await startServer(dataDir, { ...UNLIMITED, BCRYPT_COST: cost });
    for (const [name, password] of Object.entries(PASSWORDS)) {
      console.log(`  BCRYPT_COST=${cost}, ${name}: ${await measure(server.url, password)}`);
    }
    await server.stop();
  }
});
