import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadConfig, shareOf, type Config } from './config/config.js';
import { saveMemory } from './config/memory.js';
import { createLogger } from './logging/logger.js';
import { prepareSchema } from './prepare.js';
import { connectionsOf, createServer, endServer, fastifyOf, leave } from './server.js';
import { bootstrap } from './start.js';
import { activeTracing, startTracing } from './tracing/tracing.js';
import { Peer } from './workers/peer.js';
import type { AskedByWorkers, AskedOfWorkers, Start } from './workers/subjects.js';

/** What a worker has to stop after its parent has died, in milliseconds. */
const ORPHAN_LIMIT = 5_000;

const primary = new Peer<AskedByWorkers, AskedOfWorkers>(process);
let app: NestFastifyApplication | undefined;

async function start({ number, settings, secretKeys, connection, isFirst }: Start): Promise<undefined> {
  saveMemory();
  const whole = loadConfig(settings);
  const config: Config = {
    ...whole,
    databasePoolSize: shareOf(whole.databasePoolSize, whole.workers, number),
    runMigrations: false,
  };
  const tracing = await startTracing(process.env);
  const fields = tracing && (() => tracing.logFields());
  const logger = createLogger(config.logLevel, undefined, { format: config.logFormat, worker: number, fields });
  tracing?.reportTo(logger);
  const way = connection ?? config.database;
  if (!way) throw new Error('There is no database.');
  const runsBackgroundJobs = number === 1;
  const database = await prepareSchema(config, way, logger);
  app = await createServer({ config, database, secretKeys, primary, runsBackgroundJobs }, logger);
  if (isFirst && runsBackgroundJobs) await bootstrap(app, config, logger, (text) => process.stdout.write(text));
  await fastifyOf(app).ready();
  connectionsOf(app).begin(config.otherDoors.map(({ door }) => door));
  return undefined;
}

/** Ends this process when what is in flight is answered. */
async function stop(grace: number, limit: number, code: number): Promise<void> {
  setTimeout(() => process.exit(1), 2 * limit).unref();
  if (app) await endServer(app, grace, limit);
  await activeTracing()?.stop();
  process.exit(code);
}

// A terminal and some supervisors signal every process: the one that has started this one says when to stop.
for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(name, () => undefined);
// A closed pipe must not end the process.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
process.on('disconnect', () => void stop(0, ORPHAN_LIMIT, 1));

primary.answer('start', start);
primary.answer('alive', () => (app ? connectionsOf(app).size : 0));
primary.answer('connection', ({ door }, socket) => {
  if (!app) throw new Error('This worker has not started yet.');
  if (socket) connectionsOf(app).serve(socket, door);
  return connectionsOf(app).size;
});
primary.answer('leave', () => {
  if (app) leave(app);
  return undefined;
});
primary.answer('stop', ({ grace, limit }) => {
  void stop(grace, limit, 0);
  return undefined;
});
