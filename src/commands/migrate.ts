import { runLatchkey } from './program.js';

/** `latchkey migrate`, where it was before there was such a program. */
await runLatchkey(['migrate', ...process.argv.slice(2)]);
