import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCommand } from '../../src/config/current-command.js';
import { urlOf, type TestDatabase } from './database.js';
import { TEST_SECRET_KEY, type TestServer } from './server.js';

export const NEVER = new AbortController().signal;

const NAMES = ['DATABASE_URL', 'DATA_DIR', 'SECRET_KEY', 'BCRYPT_COST', 'PUBLIC_URL'] as const;

/** Runs commands in this process, on the database of a server, with its settings. */
export class Commands {
  private readonly before = NAMES.map((name) => [name, process.env[name]] as const);
  readonly folder = mkdtempSync(join(tmpdir(), 'latchkey-commands-'));

  constructor(database: TestDatabase, { config }: TestServer) {
    const settings = {
      DATABASE_URL: urlOf(database.connection),
      DATA_DIR: this.folder,
      SECRET_KEY: TEST_SECRET_KEY,
      BCRYPT_COST: '4',
      PUBLIC_URL: config.publicUrl,
    };
    Object.assign(process.env, settings);
  }

  /** @param name as it is typed */
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    return inCommand(name, work);
  }

  /** Runs a command that answers in JSON. @returns what it answers, of which the caller knows the fields */
  async answer<Shown>(name: string, work: () => Promise<string>): Promise<Shown> {
    return JSON.parse(await this.run(name, work)) as Shown;
  }

  /** @returns the path of a file that has a text */
  file(text: string): string {
    const path = join(this.folder, `file-${Math.random()}`);
    writeFileSync(path, text);
    return path;
  }

  /** Gives the process its settings back. */
  close(): void {
    for (const [name, value] of this.before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
