import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { OutageLog } from './outage-log.js';

let lines: string[];
let log: OutageLog;

beforeEach(() => {
  jest.useFakeTimers();
  lines = [];
  const tell = (level: string) => (message: string) => lines.push(`${level} ${message}`);
  log = new OutageLog({ warn: tell('warn'), info: tell('info') });
});

afterEach(() => {
  jest.useRealTimers();
});

it('an outage is one warning, and a count when it is over', () => {
  for (let request = 0; request < 1_000; request += 1) log.note(new Error('connect ECONNREFUSED'));
  jest.advanceTimersByTime(9_000);
  expect(lines).toEqual(['warn the database is unavailable: connect ECONNREFUSED']);
  jest.advanceTimersByTime(5_000);
  expect(lines.slice(1)).toEqual(['info database recovered: 1000 requests failed over 0 s']);
  jest.advanceTimersByTime(120_000);
  expect(lines).toHaveLength(2);
});

it('a long one is told of once a minute', () => {
  for (let second = 0; second < 150; second += 1) {
    log.note(new Error('gone'));
    jest.advanceTimersByTime(1_000);
  }
  expect(lines.map((line) => line.split(':', 1)[0])).toEqual([
    'warn the database is unavailable',
    'warn the database is still unavailable',
    'warn the database is still unavailable',
  ]);
});

it('the next one is another', () => {
  log.note(new Error('gone'));
  jest.advanceTimersByTime(20_000);
  log.note(new Error('gone again'));
  expect(lines.slice(1)).toEqual([
    'info database recovered: 1 request failed over 0 s',
    'warn the database is unavailable: gone again',
  ]);
});
