// One slice of load on one server: autocannon in this process, the server in another.
import autocannon from 'autocannon';
import { cpuOfTree } from './cpu.js';
import { quantile } from './statistics.js';

export const CONNECTIONS = 32;
/** How much the sizes of the answers of one slice may differ, in bytes: ids and names of varying length. */
const SPREAD = 256;

/** @param connections gives each connection its own share of the requests, which are made before the slice begins */
function setupClients(requests, connections) {
  let index = 0;
  return (client) => {
    const own = requests.filter((_, at) => at % connections === index % Math.min(connections, requests.length));
    index += 1;
    client.setRequests(own.map((request) => ({ ...request })));
  };
}

/**
 * Sends requests for some seconds, and checks the status and the size of each answer.
 * @param requests of autocannon; each connection sends its share of them, again and again
 * @param expected.status of each answer
 * @param expected.body what each body has in it
 * @returns answers a second, latencies in milliseconds, and the CPU of server and database for each, in microseconds
 */
export async function slice(
  server,
  requests,
  expected,
  { seconds, amount, database, rate, connections = CONNECTIONS },
) {
  const latencies = [];
  let [smallest, largest, wrong, first, last] = [Infinity, 0, '', 0, 0];
  const begun = new Set();
  const before = { server: cpuOfTree(server.pid), database: database?.cpu() ?? 0 };
  const run = autocannon({
    url: server.url,
    connections,
    ...(amount === undefined ? { duration: seconds } : { amount }),
    sampleInt: 50,
    skipAggregateResult: true,
    requests: [{ ...requests[0] }],
    setupClient: setupClients(requests, connections),
    verifyBody: expected.body && ((body) => body.includes(expected.body)),
    ...(rate === undefined ? {} : { overallRate: rate }),
  });
  run.on('start', () => (first = performance.now()));
  run.on('response', (client, status, bytes, took) => {
    last = performance.now();
    // autocannon's clock for the first of each connection begins before the connections after it are made.
    latencies.push(begun.has(client) ? took : last - first);
    begun.add(client);
    smallest = Math.min(smallest, bytes);
    largest = Math.max(largest, bytes);
    if (Number(status) !== expected.status) wrong = `answered ${status} instead of ${expected.status}`;
  });
  const { errors, mismatches } = await run;
  const after = { server: cpuOfTree(server.pid), database: database?.cpu() ?? 0 };
  const count = latencies.length;
  if (errors > 0 && wrong === '') wrong = `failed ${errors} times`;
  if (mismatches > 0 && wrong === '') wrong = `answered ${mismatches} bodies without ${expected.body}`;
  if (largest - smallest > SPREAD && wrong === '') wrong = `gave answers of ${smallest} to ${largest} bytes`;
  if (count < connections && wrong === '') wrong = `gave only ${count} answers`;
  if (wrong !== '') throw new Error(`${server.name ?? server.url} ${wrong}.`);
  return {
    count,
    rate: (count / (last - first)) * 1_000,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: ((after.server - before.server) / count) * 1e6,
    databaseCpu: ((after.database - before.database) / count) * 1e6,
  };
}
