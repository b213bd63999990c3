// Runs the rows of the table on each Node.js, on one database.
import { identifications, NETWORKS } from '../rows/identifications.js';
import { again } from './again.js';
import { compare } from './compare.js';
import { CLIENT, fillTokens, makePeers, settle, startLatchkey } from './fixtures.js';
import { storeNetworks } from './networks.js';
import { startProcess, stopAll, stopProcess } from './processes.js';

const STORED = Number(process.env.STORED ?? 1_000_000);
const ADDRESSES = 2_000;

const PEERS = {
  'hand-written': ['servers/hand-written.js', {}],
  'Nest alone': ['servers/nest.js', {}],
  'oauth2-server': ['servers/oauth2-server.js', {}],
  'oidc-provider in memory': ['servers/oidc-provider.js', { ADAPTER: 'memory' }],
  'oidc-provider on PostgreSQL': ['servers/oidc-provider.js', { ADAPTER: 'postgresql' }],
};

/** Tables, the first credentials, and what is stored in all rows. */
async function prepare(database, rows, node) {
  await stopProcess(await startLatchkey(database, {}, { node }));
  await makePeers(database.client);
  console.error(`Storing ${STORED.toLocaleString('en')} tokens …`);
  await fillTokens(database, STORED);
  database.stored = STORED;
  if (rows.some(({ name }) => name === identifications.name)) {
    database.addresses = await storeNetworks(database.client, NETWORKS, ADDRESSES);
  }
}

const startSubjects = (database, row, node) =>
  Promise.all(
    (row.subjects ?? ['latchkey']).map(async (name) => {
      const server = await startLatchkey(database, name.endsWith('warn') ? { LOG_LEVEL: 'warn' } : {}, { node });
      return Object.assign(server, { kind: 'latchkey', name: name.replace('latchkey', 'Latchkey') });
    }),
  );

const startPeers = ({ url }, row, node) =>
  Promise.all(
    row.peers.map(async (name) => {
      const [file, env] = PEERS[name];
      const given = { DATABASE_URL: url, CLIENT_ID: CLIENT.id, CLIENT_SECRET: CLIENT.secret, ...env };
      return Object.assign(await again(() => startProcess(file, given, { node })), { kind: name, name });
    }),
  );

/** Fresh processes for each row, so that no row depends on those before it. */
async function runCompared(row, { database, node }) {
  const [subjects, peers] = await Promise.all([startSubjects(database, row, node), startPeers(database, row, node)]);
  const prepared = { name: row.name, ...(await row.prepare(database, [...subjects, ...peers])) };
  await settle(database.client);
  const figures = await compare(prepared, { subjects, peers, database, node });
  await Promise.all([...subjects, ...peers].map(stopProcess));
  const subject = figures.find(({ name }) => name === subjects[0].name);
  return { value: subject.share, figures, remark: row.remark?.(node) };
}

/** A row that fails says so in the table, and does not take the others with it. */
async function runRow(row, context) {
  try {
    return await (row.measure ? row.measure(context) : runCompared(row, context));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    await stopAll();
    return { failed: error.message };
  }
}

/** @returns for each row and each Node.js what was measured */
export async function runRows(rows, nodes, database) {
  await prepare(database, rows, nodes[0].node);
  const results = new Map();
  for (const row of rows) {
    for (const { major, node, version } of nodes) {
      console.error(`${row.name}, Node.js ${version} …`);
      const result = await runRow(row, { database, node });
      results.set(row.id, { ...results.get(row.id), [major]: result });
    }
  }
  return results;
}
