import { runLatchkey } from './program.js';

/** `latchkey seed`, at the path that it had in release 0.1.0: its npm script ran this file. */
await runLatchkey(['seed', ...process.argv.slice(2)]);
