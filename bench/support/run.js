// Runs the rows of the table on each Node.js, on one database.
import { identifications, NETWORKS } from '../rows/identifications.js';
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
  await fillTokens(database.client, STORED);
  database.stored = STORED;
  if (rows.some(({ name }) => name === identifications.name)) {
    database.addresses = await storeNetworks(database.client, NETWORKS, ADDRESSES);
  }
}

async function startSubjects(database, row, node) {
  const subjects = [];
  for (const name of row.subjects ?? ['latchkey']) {
    const server = await startLatchkey(database, name.endsWith('warn') ? { LOG_LEVEL: 'warn' } : {}, { node });
    subjects.push(Object.assign(server, { kind: 'latchkey', name: name.replace('latchkey', 'Latchkey') }));
  }
  return subjects;
}

async function startPeers({ url }, row, node) {
  const peers = [];
  for (const name of row.peers) {
    const [file, env] = PEERS[name];
    const given = { DATABASE_URL: url, CLIENT_ID: CLIENT.id, CLIENT_SECRET: CLIENT.secret, ...env };
    peers.push(Object.assign(await startProcess(file, given, { node }), { kind: name, name }));
  }
  return peers;
}

/** Fresh processes for each row, so that no row depends on those before it. */
async function runCompared(row, { database, node }) {
  const subjects = await startSubjects(database, row, node);
  const peers = await startPeers(database, row, node);
  const prepared = { name: row.name, ...(await row.prepare(database, [...subjects, ...peers])) };
  await settle(database.client);
  const figures = await compare(prepared, { subjects, peers, database, node });
  for (const server of [...subjects, ...peers]) await stopProcess(server);
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
