import { runLatchkey } from './program.js';

/** `latchkey migrate`, at the path that it had in release 0.1.0: the Job of its manifests ran this file. */
await runLatchkey(['migrate', ...process.argv.slice(2)]);
