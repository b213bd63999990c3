import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { LONGEST_RECORD, RecordSplitter, type Format, type RawRecord } from './lines.js';

function split(format: Format, text: string | Buffer, size = Infinity): (RawRecord & { digest: string })[] {
  const bytes = Buffer.from(text as string);
  const splitter = new RecordSplitter(format);
  const records: (RawRecord & { digest: string })[] = [];
  const take = (found: Generator<RawRecord>) => {
    for (const record of found) records.push({ ...record, digest: splitter.digest().toString('hex') });
  };
  for (let start = 0; start < bytes.length; start += size) take(splitter.split(bytes.subarray(start, start + size)));
  take(splitter.end());
  expect(splitter.position).toBe(bytes.length);
  let position = 0;
  const hash = createHash('sha256');
  for (const { length, digest } of records) {
    hash.update(bytes.subarray(position, (position += length)));
    expect(digest).toBe(hash.copy().digest('hex'));
  }
  return records;
}

const linesOf = (records: RawRecord[]) => records.map(({ line, text }) => [line, text]);
const long = 'x'.repeat(LONGEST_RECORD);

describe('Records are the same in whatever parts they are read', () => {
  it.each<[string, Format, string, [number, string | undefined][]]>([
    [
      'NDJSON',
      'ndjson',
      '{}\r\n\n{"a":1}',
      [
        [1, '{}'],
        [2, ''],
        [3, '{"a":1}'],
      ],
    ],
    [
      'a line that is too long',
      'ndjson',
      `a\n${long}yz\nb\n`,
      [
        [1, 'a'],
        [2, undefined],
        [3, 'b'],
      ],
    ],
    [
      'a last line that is too long',
      'ndjson',
      `a\n${long}yz`,
      [
        [1, 'a'],
        [2, undefined],
      ],
    ],
    [
      'quotes with line breaks in them',
      'csv',
      'a,b\n"1\n""2""",3\r\n4,"5"\n',
      [
        [1, 'a,b'],
        [2, '"1\n""2""",3'],
        [4, '4,"5"'],
      ],
    ],
    [
      'a mark before a quote',
      'csv',
      '\uFEFF"a\nb",c\n1,2\n',
      [
        [1, '"a\nb",c'],
        [3, '1,2'],
      ],
    ],
    [
      'a quote within a field',
      'csv',
      'a,b\na@x.org,5" Disk\n1,2\n3,4"\n5,6',
      [
        [1, 'a,b'],
        [2, 'a@x.org,5" Disk'],
        [3, '1,2'],
        [4, '3,4"'],
        [5, '5,6'],
      ],
    ],
    [
      'a quote that nothing ends',
      'csv',
      'a,b\n1,"Disk\n2,3\n4,5',
      [
        [1, 'a,b'],
        [2, '1,"Disk'],
        [3, '2,3'],
        [4, '4,5'],
      ],
    ],
    [
      'a quote that is ended rows later, badly',
      'csv',
      'a,b\n1,"Disk\n2,3\n4,"5"\n6,7',
      [
        [1, 'a,b'],
        [2, '1,"Disk'],
        [3, '2,3'],
        [4, '4,"5"'],
        [5, '6,7'],
      ],
    ],
    [
      'a quote that is ended rows later, with other fields',
      'csv',
      'a,b\n1,"Disk\n2,3\n4,5",6,"7"\n8,9',
      [
        [1, 'a,b'],
        [2, '1,"Disk'],
        [3, '2,3'],
        [4, '4,5",6,"7"'],
        [5, '8,9'],
      ],
    ],
    [
      'something behind a quote',
      'csv',
      'a,b\n"1"2,3\n"4"\r5,6\n7,8',
      [
        [1, 'a,b'],
        [2, '"1"2,3'],
        [3, '"4"\r5,6'],
        [4, '7,8'],
      ],
    ],
    [
      'a long text in quotes',
      'csv',
      `a,b\n1,"${long}"\n2,3`,
      [
        [1, 'a,b'],
        [2, undefined],
        [3, '2,3'],
      ],
    ],
    [
      'a quote before more than fits',
      'csv',
      `a,b\n1,"2\n3,4\n5,${long}\n6,7`,
      [
        [1, 'a,b'],
        [2, '1,"2'],
        [3, '3,4'],
        [4, undefined],
        [5, '6,7'],
      ],
    ],
  ])('%s', (_, format, text, expected) => {
    const sizes = text.length > 1_000 ? [70_000, 262_144] : [1, 2, 3, 7, 1_000];
    expect(linesOf(split(format, text))).toEqual(expected);
    for (const size of sizes) expect(linesOf(split(format, text, size))).toEqual(expected);
  });
});

it('One stray quote takes one row of 30,000, wherever it is', () => {
  const rows = Array.from({ length: 30_000 }, (_, n) => `person${n}@example.org,Person ${n}`);
  for (const stray of ['x@example.org,5" Disk', 'x@example.org,"5 Disk']) {
    const records = split('csv', ['email,name', ...rows.slice(0, 10), stray, ...rows.slice(10)].join('\n'), 65_536);
    expect(records).toHaveLength(30_002);
    expect(records.at(-1)?.text).toBe(rows.at(-1));
  }
});

it('A file without line breaks is not kept in memory', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  for (const format of ['ndjson', 'csv'] as const) {
    const splitter = new RecordSplitter(format);
    const before = held();
    for (let count = 0; count < 64; count += 1) expect([...splitter.split(Buffer.alloc(2 ** 20, 'x'))]).toEqual([]);
    expect(held() - before).toBeLessThan(8 * 2 ** 20);
    expect([...splitter.end()]).toEqual([{ line: 1, length: 64 * 2 ** 20, text: undefined }]);
  }
});
