// Does what docs/migrating has `psql` do, for machines that have none: runs a file of statements, each of which ends a line
// with a semicolon, and prints rows as `psql -XqAt` does.
import { createWriteStream, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import pg from 'pg';

const options = { X: 'boolean', q: 'boolean', A: 'boolean', t: 'boolean', v: 'string', f: 'string', o: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    Object.entries(options).map(([short, type]) => [short, { type, short, ...(short === 'v' && { multiple: true }) }]),
  ),
});
const output = values.o === undefined ? process.stdout : createWriteStream(values.o);
const client = new pg.Client({ connectionString: positionals[0] });
await client.connect();
try {
  for (const text of readFileSync(values.f, 'utf8').split(/;$/m)) {
    if (text.trim() === '') continue;
    const { rows } = await client.query({ text, rowMode: 'array', types: { getTypeParser: () => (value) => value } });
    for (const row of rows) output.write(`${row.map((value) => value ?? '').join('|')}\n`);
  }
} finally {
  await client.end();
}
