import { runLatchkey } from './program.js';

/** `latchkey seed`, where it was before there was such a program. */
await runLatchkey(['seed', ...process.argv.slice(2)]);
