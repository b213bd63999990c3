import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { batched, createLogger } from './logger.js';

const MOST = 1_024;

function collect() {
  const writes: string[] = [];
  const stream = batched({ write: (text) => void writes.push(text) }, MOST);
  return { writes, log: pino({ base: null, timestamp: false }, stream) };
}

const messagesIn = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

describe('Lines of the log', () => {
  it('are written together, after a moment', async () => {
    const { writes, log } = collect();
    for (const text of ['one', 'two', 'three']) log.info(text);
    expect(writes).toEqual([]);
    await sleep(200);
    expect(writes.map(messagesIn)).toEqual([['one', 'two', 'three']]);
  });

  it('are written at once with the first that is urgent', () => {
    const { writes, log } = collect();
    log.info('before');
    log.warn('urgent');
    expect(writes.map(messagesIn)).toEqual([['before', 'urgent']]);
  });

  it.each([
    ['of ASCII', 'x'.repeat(100)],
    ['of characters of three bytes', '語'.repeat(300)],
    ['longer than what is written at once', 'x'.repeat(2 * MOST)],
  ])('stay whole, and together fit into what is written at once: %s', (_, text) => {
    const { writes, log } = collect();
    for (let line = 0; line < 50; line += 1) log.info(text);
    log.error('last');
    expect(writes.flatMap(messagesIn)).toEqual([...Array.from({ length: 50 }, () => text), 'last']);
    for (const write of writes) expect(Buffer.byteLength(write) <= MOST || messagesIn(write).length === 1).toBe(true);
  });

  it('have the time to the millisecond (RFC 3339)', async () => {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => void lines.push(line) });
    const begun = Date.now();
    for (let turn = 0; turn < 300; turn += 1) {
      log.info('now');
      await sleep(turn % 10);
    }
    const times = lines.map((line) => (JSON.parse(line) as { time: string }).time);
    expect(times).toHaveLength(300);
    for (const time of times) {
      expect(new Date(time).toISOString()).toBe(time);
      expect(Date.parse(time)).toBeGreaterThanOrEqual(begun);
      expect(Date.parse(time)).toBeLessThanOrEqual(Date.now());
    }
    expect(times).toEqual(times.toSorted());
  });
});
