import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Imports, type ImportResult, type ImportSource } from '../../src/imports/imports.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { chunksOf, readReport } from '../support/imports.js';
import { newEmail, startServer, type TestServer } from '../support/server.js';

const COUNT = 1_600;

let database: TestDatabase;
let server: TestServer;
let folder: string;
let file: string;
let text: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
});

/** Of ten records one is refused. */
const newText = () =>
  Array.from({ length: COUNT }, (_, n) => JSON.stringify({ email: n % 10 === 9 ? 'x' : newEmail() })).join('\n');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'));
  file = join(folder, 'accounts.ndjson');
  text = newText();
  writeFileSync(file, text);
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.query('DELETE FROM imports');
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

/** @param options.stopAfter how many batches */
function run({ stopAfter, ...options }: Partial<ImportSource> & { stopAfter?: number } = {}): Promise<ImportResult> {
  const source = {
    name: file,
    bytes: chunksOf(Buffer.from(text), 10_000),
    format: 'ndjson' as const,
    admins: false,
    isDryRun: false,
    isRestarted: false,
    ...options,
  };
  const stop = new AbortController();
  let batches = 0;
  return server.app.get(Imports).run(source, stop.signal, () => {
    batches += 1;
    if (batches === stopAfter) stop.abort(new Error('Stopped.'));
  });
}

const stopped = (options: Partial<ImportSource> = {}) =>
  expect(run({ ...options, stopAfter: 2 })).rejects.toThrow('Stopped.');
const refusedLines = Array.from({ length: COUNT / 10 }, (_, n) => String(10 * (n + 1)));
const linesIn = (report: string) => Object.keys(readReport(report));

describe('The report of an import', () => {
  it('is beside its file, wherever the import is started from, and goes on there', async () => {
    await stopped();
    const { report } = await run();
    expect(report).toBe(`${file}.refused.ndjson`);
    expect(linesIn(report)).toEqual(refusedLines);
    expect(statSync(report).mode & 0o777).toBe(0o600);
  });

  it('stays where it was begun, without being named again', async () => {
    const chosen = join(folder, 'chosen');
    await stopped({ report: chosen });
    await expect(run({ report: join(folder, 'other') })).rejects.toThrow(chosen);
    expect((await run()).report).toBe(chosen);
    expect(linesIn(chosen)).toEqual(refusedLines);
    expect(existsSync(join(folder, 'other'))).toBe(false);
  });

  it('is whole when the same import runs twice at once: one of them stops', async () => {
    const runs = await Promise.allSettled([run(), run()]);
    const failures = runs.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    expect(failures).toEqual(['Error: Another process is importing the same file. This one has stopped.']);
    expect(linesIn(`${file}.refused.ndjson`)).toEqual(refusedLines);
    expect(readFileSync(`${file}.refused.ndjson`, 'utf8')).not.toContain('\0');
    expect(await database.query('SELECT FROM imports')).toEqual([]);
  });

  it('is no longer written to by an import that another has begun anew', async () => {
    let isRestarted = false;
    const stream = async function* () {
      for await (const chunk of chunksOf(Buffer.from(text), 10_000)) {
        const [noted] = await database.query<{ position: string }>('SELECT position FROM imports');
        if (!isRestarted && Number(noted?.position) > 0) {
          isRestarted = true;
          await run({ isRestarted: true });
        }
        yield chunk;
      }
    };
    await expect(run({ bytes: stream() })).rejects.toThrow('Another process is importing the same file.');
    expect(linesIn(`${file}.refused.ndjson`)).toEqual(refusedLines);
  });

  it('has nothing of a batch that was not noted', async () => {
    await stopped();
    const report = `${file}.refused.ndjson`;
    writeFileSync(report, `${readFileSync(report, 'utf8')}{"line":1200,"errors":`);
    await run();
    expect(linesIn(report)).toEqual(refusedLines);
  });

  it.each([
    [
      'was cut',
      (report: string) => {
        truncateSync(report, 10);
      },
    ],
    [
      'is gone',
      (report: string) => {
        rmSync(report);
      },
    ],
  ])('that %s is missed, and no import goes on with it', async (_, lose) => {
    await stopped();
    lose(`${file}.refused.ndjson`);
    await expect(run()).rejects.toThrow('is not there any more as a whole');
    const { counts, report } = await run({ isRestarted: true });
    expect([counts.records, linesIn(report)]).toEqual([COUNT, refusedLines]);
  });

  it('that cannot be written is told before anything is imported', async () => {
    const before = await database.query('SELECT count(*) FROM accounts');
    await expect(run({ report: join(folder, 'nowhere', 'report') })).rejects.toThrow(
      /^The report .* cannot be written: there is no such folder\. --report chooses another file\.$/,
    );
    expect(await database.query('SELECT count(*) FROM accounts')).toEqual(before);
    expect(await database.query('SELECT FROM imports')).toEqual([]);
  });

  it('is not the file itself, nor that of another import', async () => {
    await expect(run({ report: file })).rejects.toThrow('must be another file');
    expect(readFileSync(file, 'utf8')).toBe(text);
    const report = join(folder, 'report');
    await stopped({ report });
    for (const isDryRun of [false, true]) {
      await expect(run({ name: join(folder, 'other'), report, isDryRun })).rejects.toThrow('of another import');
    }
    expect(linesIn((await run()).report)).toEqual(refusedLines);
  });

  it('is another one for a dry run in between', async () => {
    await stopped();
    expect((await run({ isDryRun: true })).report).toBe(`${file}.dry-run.refused.ndjson`);
    expect(linesIn(`${file}.dry-run.refused.ndjson`)).toEqual(refusedLines);
    expect(linesIn((await run()).report)).toEqual(refusedLines);
  });

  it('is gone when nothing was refused, also that of the last time', async () => {
    const { report } = await run();
    text = JSON.stringify({ email: newEmail() });
    await run();
    expect(existsSync(report)).toBe(false);
  });
});

it('The names of the columns of a CSV are no record, also when others were in the way of the first batch', async () => {
  const email = newEmail();
  text = `email,name\n${email},`;
  const imports = server.app.get(Imports);
  const { batches } = imports as unknown as { batches: { run: (...values: unknown[]) => Promise<unknown> } };
  const original = batches.run.bind(batches);
  let calls = 0;
  batches.run = (...values) => {
    calls += 1;
    if (calls === 1) return Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' }));
    return original(...values);
  };
  try {
    expect((await run({ format: 'csv' })).counts).toEqual({
      records: 1,
      made: 1,
      changed: 0,
      unchanged: 0,
      refused: 0,
    });
    expect(calls).toBe(2);
  } finally {
    batches.run = original;
  }
});
