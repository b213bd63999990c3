import { runLatchkey } from './program.js';

/** `latchkey bootstrap`, where it was before there was such a program. */
await runLatchkey(['bootstrap', ...process.argv.slice(2)]);
