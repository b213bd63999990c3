import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Lets whatever a command of the program `latchkey` runs find its name, for the audit log. */
export const inCommand = <T>(name: string, work: () => T): T => storage.run(name, work);

/** The command that runs, such as `account disable`; undefined in a server. */
export const currentCommand = (): string | undefined => storage.getStore();
