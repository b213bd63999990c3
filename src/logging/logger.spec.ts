import { describe, expect, it, jest } from '@jest/globals';
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

  it('stay together where people read them, each with its stack', () => {
    const writes: string[] = [];
    const stream = batched(
      { write: (text) => void writes.push(text) },
      MOST,
      (json) => `${messagesIn(json)[0]}\n  é\n`,
    );
    const log = pino({}, stream);
    for (let line = 0; line < 50; line += 1) log.info('x'.repeat(100));
    log.error('last');
    expect(writes.length).toBeGreaterThan(1);
    for (const write of writes) {
      expect(write).toMatch(/^(?:(?:x+|last)\n  é\n)+$/);
      expect(Buffer.byteLength(write)).toBeLessThanOrEqual(MOST);
    }
  });

  it('have the time to the millisecond (RFC 3339), also when the clock goes back', () => {
    const times = [0, 7, 999, 1_000, 1_001, 1_790_000_000_123, 1_790_000_000_123, 1_789_999_999_999, 1_790_000_001_000];
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => void lines.push(line) });
    const clock = jest.spyOn(Date, 'now');
    try {
      for (const time of times) {
        clock.mockReturnValue(time);
        log.info('now');
      }
    } finally {
      clock.mockRestore();
    }
    expect(lines.map((line) => (JSON.parse(line) as { time: string }).time)).toEqual(
      times.map((time) => new Date(time).toISOString()),
    );
  });
});
