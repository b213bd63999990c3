import { createRequire } from 'node:module';

/** What runs, as `package.json` has it, from the sources and from what was built of them alike. */
export const { version: VERSION } = createRequire(import.meta.url)('#package.json') as { version: string };
