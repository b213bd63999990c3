import { loadProgram } from './runtime.js';

const { serve } = await loadProgram(() => import('./serve.js'));
await serve();
