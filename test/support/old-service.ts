import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createDatabase, urlOf, type TestDatabase } from './database.js';
import { readReport } from './imports.js';
import { newFolder } from './process.js';

export const HAS_PSQL = spawnSync('psql', ['--version']).status === 0;
export const PSQL_JS = resolve('test/support/psql.js');
const PROGRAM = resolve('dist/src/commands/latchkey.js');
/** The program as it was built, and psql or what does the same. */
const COMMANDS = `
npx() { [ "$1" = latchkey ] && node '${PROGRAM}' "\${@:2}"; }
${HAS_PSQL ? '' : `psql() { node '${PSQL_JS}' "$@"; }`}
`;

/** The steps of docs/migrating/README.md, by the commands that it prints for them. */
const STEPS = [
  'first copy',
  'export again',
  'end what is gone',
  'delete who was deleted',
  'import the difference',
] as const;
type Step = (typeof STEPS)[number];

const page = (name: string) => readFileSync(`docs/migrating/${name}.md`, 'utf8');

/** The blocks of code of a page in a language, as they are printed. */
const blocks = (name: string, language: string) =>
  [...page(name).matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\`$`, 'gms'))].map(([, code = '']) => code);

/** A file that a page prints: its first line is a comment that begins with its name. */
export function printed(name: string, file: string): string {
  const all = ['sql', 'js'].flatMap((language) => blocks(name, language));
  const found = all.filter((code) => new RegExp(`^(--|//) ${file.replace('.', '\\.')}(:|$)`, 'm').test(code));
  if (found.length !== 1) throw new Error(`docs/migrating/${name}.md has ${found.length} blocks called ${file}.`);
  return found[0] ?? '';
}

function commandsOf(step: Step): string {
  const all = blocks('README', 'bash');
  if (all.length !== STEPS.length) throw new Error(`docs/migrating/README.md has ${all.length} blocks of commands.`);
  return all[STEPS.indexOf(step)] ?? '';
}

/** What has come of an import. */
export interface Came {
  records: number;
  made: number;
  changed: number;
  unchanged: number;
  refused: number;
}

/** A service that moves in: its database, and a folder with the files that its page and the common page print. */
export class OldService {
  private role: string | undefined;

  private constructor(
    private readonly database: TestDatabase,
    private readonly folder: string,
    private readonly env: Record<string, string>,
  ) {}

  /** @param env what the commands find in the environment, beside the address of the old database */
  static async start(name: string, env: Record<string, string>): Promise<OldService> {
    const database = await createDatabase({ empty: true });
    const folder = newFolder();
    for (const file of ['export.sql', 'read-only.sql', 'read-write.sql']) {
      writeFileSync(join(folder, file), printed(name, file));
    }
    writeFileSync(join(folder, 'gone.mjs'), printed('README', 'gone.mjs'));
    await database.query(printed(name, 'schema.sql'));
    return new OldService(database, folder, { ...env, OLD_DATABASE_URL: urlOf(database.connection) });
  }

  /** Makes the role that the service has, by the name that its page has for it, with all rights on all tables. */
  async makeRole(role: string): Promise<void> {
    await this.query(`
      CREATE ROLE ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role};`);
    this.role = role;
  }

  /** As the service itself does it. */
  async asService(statement: string): Promise<void> {
    await this.query(`SET LOCAL ROLE ${this.role ?? ''}; ${statement}`);
  }

  /** As whoever owns the database. */
  query(statement: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.database.query<Record<string, unknown>>(statement, parameters);
  }

  /** @returns what the commands of a step have printed */
  async run(step: Step, commands = commandsOf(step)): Promise<string> {
    const child = spawn('bash', ['--norc', '-c', COMMANDS + commands], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, ...this.env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await new Promise((done) => child.on('close', done));
    return output;
  }

  /** Runs a step that imports something. @returns what has come of it */
  async imports(step: Step): Promise<Came> {
    const output = await this.run(step);
    const line = /^(\S+) records: (\S+) created, (\S+) changed, (\S+) unchanged, (\S+) refused\.$/m.exec(output);
    if (!line) throw new Error(`No import has ended:\n${output}`);
    const [records = NaN, made = NaN, changed = NaN, unchanged = NaN, refused = NaN] = line.slice(1).map(Number);
    return { records, made, changed, unchanged, refused };
  }

  /** Runs a file of the page in the old database, and writes what it prints to another. */
  runFile(file: string, output = '/dev/null'): Promise<string> {
    return this.run('export again', `psql "$OLD_DATABASE_URL" -XqAt -v ON_ERROR_STOP=1 -f ${file} -o ${output}`);
  }

  /** Why records of a file were refused, by the first of some fields that they have. */
  whyRefused(file: string, ...fields: string[]): Record<string, Record<string, string>> {
    const records = this.records(file);
    const nameOf = (record: Record<string, string> = {}) => fields.map((field) => record[field]).find((name) => name);
    const reasons = Object.entries(readReport(join(this.folder, `${file}.refused.ndjson`)));
    return Object.fromEntries(reasons.map(([line, reason]) => [nameOf(records[Number(line) - 1]) ?? line, reason]));
  }

  records(file: string): Record<string, string>[] {
    const lines = readFileSync(join(this.folder, file), 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, string>);
  }

  async drop(): Promise<void> {
    if (this.role !== undefined) await this.query(`DROP OWNED BY ${this.role}; DROP ROLE ${this.role}`);
    await this.database.drop();
  }
}
