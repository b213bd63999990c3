// Resident memory after 100,000 different tokens were checked and are remembered.
import { setTimeout as pause } from 'node:timers/promises';
import { residentMemory } from '../support/cpu.js';
import { startLatchkey, storeTokens } from '../support/fixtures.js';
import { slice } from '../support/load.js';
import { stopProcess } from '../support/processes.js';
import { checkOf } from './hot-check.js';

const TOKENS = Number(process.env.REMEMBERED ?? 100_000);
/** For how long it rests before it is looked at, in seconds: V8 gives back what it no longer needs after a minute or two. */
const REST = Number(process.env.REST ?? 5);
const megabytes = (pid) => residentMemory(pid) * 1.048576;
const single = (value) => ({ median: value, low: value, high: value });

export const memory = {
  name: `resident memory, ${TOKENS.toLocaleString('en')} remembered tokens, MB`,
  goals: { 20: 250, 24: 250 },
  isSmallerBetter: true,
  async measure({ database, node }) {
    const requests = (await storeTokens(database.client, TOKENS)).map(checkOf);
    const server = await startLatchkey(database, {}, { node });
    server.name = 'Latchkey';
    const started = megabytes(server.pid);
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, megabytes(server.pid))), 100);
    await slice(server, requests, { status: 200, body: 'GATEWAY_ACCOUNT_1' }, { amount: TOKENS });
    const full = megabytes(server.pid);
    await pause(REST * 1_000);
    clearInterval(timer);
    const rest = megabytes(server.pid);
    await stopProcess(server);
    const [began, atOnce, later, most] = [started, full, rest, peak].map(Math.round);
    return {
      value: single(rest),
      figures: [],
      remark: `${began} MB after the start, ${atOnce} MB with the last token, ${later} MB ${REST} seconds later, ${most} MB at most.`,
    };
  },
};
