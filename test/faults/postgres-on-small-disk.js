// Runs PostgreSQL on a file system of its own that is soon full: `postgres-on-small-disk.js DATA_DIR`. Prints how to reach it.
import { startEmbeddedPostgres } from '../../dist/src/database/embedded-postgres.js';

const log = { info() {}, warn() {}, error() {} };
const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2], log });
process.stdout.write(`${JSON.stringify(postgres.connection)}\n`);
process.once('SIGTERM', () => void postgres.stop());
