#!/usr/bin/env node
import { runLatchkey } from './program.js';

await runLatchkey(process.argv.slice(2));
