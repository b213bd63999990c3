import { runLatchkey } from './program.js';

/** `latchkey bootstrap`, at the path that it had in release 0.1.0: its npm script ran this file. */
await runLatchkey(['bootstrap', ...process.argv.slice(2)]);
