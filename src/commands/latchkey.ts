#!/usr/bin/env node
import { loadProgram } from '../runtime.js';

const { runLatchkey } = await loadProgram(() => import('./program.js'));
await runLatchkey(process.argv.slice(2));
