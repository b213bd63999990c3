// One row of the table: Latchkey between its peers, and these between slices of bare Fastify.
import { again } from './again.js';
import { startProcess, stopProcess } from './processes.js';
import { ask } from './http.js';
import { slice } from './load.js';
import { mean, summary } from './statistics.js';

const SECONDS = Number(process.env.SLICE ?? 0.4);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
/** V8 optimizes what has run often: the code of all servers is as fast as it gets after so many answers. */
const WARM = 25_000;
/** For how many seconds a server is warmed up at most; those that do more for an answer need longer for as many of them. */
const LONGEST_WARM_UP = { bare: 1, peer: 2, subject: Number(process.env.WARM_UP ?? 6) };
/** A run that only tries the benchmark has short slices, and warms up as little. */
const TRIED_FOR = process.env.WARM_UP === undefined ? 20 * SECONDS : Infinity;

/** Each server is asked once, and a request that is to be refused is refused. */
async function checkAnswers(servers, row) {
  for (const server of servers) {
    const good = await ask(server, await row.example(server));
    if (good.status !== row.status || !row.isRight(good.json, server))
      throw new Error(`${server.name} answered ${row.name} with ${good.status} ${good.text}`);
    const bad = await ask(server, await row.bad(server));
    if (!(row.refusals ?? [401]).includes(bad.status))
      throw new Error(`${server.name} answered what it should refuse: ${bad.status} ${bad.text}`);
  }
}

/**
 * Measures one row, in rounds of bare, peers, Latchkey, and all of these in reverse.
 * @param row.example a request that each server answers; `bad` one that it refuses, with 401 or one of `refusals`
 * @param row.requests the requests of a slice
 * @param row.longer how many times as long as others its warm-up is, and its slices but for bare Fastify's: where an answer takes so long
 *   that the code would still be warming up, and what the end of a slice cuts off would weigh
 * @param subjects Latchkey, maybe more than once with different settings
 */
export async function compare(row, { subjects, peers, database, node }) {
  const all = [...subjects, ...peers];
  await checkAnswers(all, row);
  const body = (await ask(subjects[0], await row.example(subjects[0]))).text;
  const bare = await startProcess('servers/bare.js', { BODY: body, STATUS: String(row.status) }, { node });
  bare.name = 'bare Fastify';
  const expected = { status: row.status, body: row.contains };
  const forth = [bare, ...peers, ...subjects];
  const turns = [...forth, ...[...forth].reverse()];
  const samples = new Map([bare, ...all].map((server) => [server, []]));
  const { longer = 1 } = row;
  const measure = (server, seconds) =>
    again(async () => {
      const requests = await row.requests(server === bare ? subjects[0] : server, server === bare);
      return slice(server, requests, expected, { seconds, database });
    });
  for (const server of [bare, ...all]) {
    const kind = server === bare ? 'bare' : subjects.includes(server) ? 'subject' : 'peer';
    await warmUp((seconds) => measure(server, seconds), Math.min(LONGEST_WARM_UP[kind], TRIED_FOR) * longer);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const taken = new Map([bare, ...all].map((server) => [server, []]));
    for (const server of turns)
      taken.get(server).push(await measure(server, server === bare ? SECONDS : SECONDS * longer));
    for (const [server, slices] of taken) samples.get(server).push(slices);
  }
  await stopProcess(bare);
  await checkAnswers(all, row);
  return [bare, ...peers, ...subjects].map((server) => figuresOf(server, samples.get(server), samples.get(bare)));
}

/** @param longest in seconds */
async function warmUp(measure, longest) {
  const until = performance.now() + longest * 1_000;
  let answered = 0;
  while (answered < WARM && performance.now() < until) answered += (await measure(Math.min(1, longest))).count;
}

/** Medians and middle halves over the rounds; the share of bare Fastify is that of the same round. */
function figuresOf(server, rounds, bareRounds) {
  const rateOf = (slices) => mean(slices.map(({ rate }) => rate));
  const over = (name) => summary(rounds.flat().map((sample) => sample[name]));
  return {
    name: server.name,
    share: summary(rounds.map((slices, round) => rateOf(slices) / rateOf(bareRounds[round]))),
    rate: over('rate'),
    p50: over('p50'),
    p99: over('p99'),
    cpu: over('cpu'),
    databaseCpu: over('databaseCpu'),
  };
}
