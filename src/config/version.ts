import { createRequire } from 'node:module';

/** The version in `package.json`, found from the sources as well as from the build. */
export const { version: VERSION } = createRequire(import.meta.url)('#package.json') as { version: string };
