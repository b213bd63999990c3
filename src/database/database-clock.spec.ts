import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../config/clock.js';
import { DatabaseClock } from './database-clock.service.js';

/** On the database's clock and on the process's, when the test begins. */
const START = 1_000_000;

/** The time that has gone by, in seconds. */
let elapsed = 0;
/** The process's clock. */
let ahead = 0;
let clock: DatabaseClock;

beforeEach(() => {
  Logger.overrideLogger(false);
  elapsed = 0;
  ahead = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => elapsed * 1_000);
  const processClock = new Clock();
  processClock.now = () => START + elapsed + ahead;
  clock = new DatabaseClock({} as EntityManager, processClock);
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** A statement that is under way for so many seconds there and back; `ahead` is the database's. */
function readAfter(there: number, back: number, databaseAhead = 0): Promise<void> {
  return clock.readFrom(() => {
    elapsed += there;
    const databaseTime = START + elapsed + databaseAhead;
    elapsed += back;
    return Promise.resolve([{ databaseTime }]);
  });
}

describe("The database's clock", () => {
  it("is the process's until it was read", () => {
    ahead = 7;
    expect([clock.now(), clock.offset(), clock.warning()]).toEqual([START + 7, 0, undefined]);
  });

  it('goes on by itself, whatever is done to the clock of the process', async () => {
    await readAfter(0.01, 0.01);
    elapsed += 100;
    ahead = HOUR;
    expect(clock.now()).toBeCloseTo(START + elapsed, 3);
    expect(clock.offset()).toBeCloseTo(HOUR, 3);
  });

  it('tells whoever listens that it was set forward, not back nor by NTP', async () => {
    const listener = jest.fn();
    clock.whenSetForward(listener);
    await readAfter(0.01, 0.01);
    await readAfter(0.01, 0.01, 0.5);
    await readAfter(0.01, 0.01, -HOUR);
    expect(listener).not.toHaveBeenCalled();
    await readAfter(0.01, 0.01, HOUR);
    expect(listener).toHaveBeenCalledTimes(1);
    await readAfter(0.01, 0.01, HOUR);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('is not taken from an answer that was long under way', async () => {
    await readAfter(0.01, 0.01);
    await readAfter(0, 16);
    expect(clock.offset()).toBeCloseTo(0, 3);
    expect(clock.warning()).toBeUndefined();
  });

  it('says nothing on the strength of such an answer alone', async () => {
    await readAfter(0, 16);
    expect(Math.abs(clock.offset())).toBeGreaterThan(5);
    expect(clock.warning()).toBeUndefined();
    await readAfter(0, 0.02);
    expect(clock.offset()).toBeCloseTo(0, 1);
  });

  it('is read anew when it was set, or when another database has taken its place', async () => {
    await readAfter(0.01, 0.01);
    await readAfter(0.5, 0.5, -HOUR);
    expect(clock.offset()).toBeCloseTo(HOUR, 3);
    expect(clock.warning()).toMatch(/^the clock of this process is 3600\.0 s ahead of the database's$/);
  });

  it('is told to differ from five seconds on, until it is four at most', async () => {
    const told: boolean[] = [];
    for (const difference of [4.9, 5.1, 4.5, 5.1, 3.9, 4.5, -5.1, -4.5, -3.9]) {
      ahead = difference;
      await readAfter(0.01, 0.01);
      told.push(clock.warning() !== undefined);
    }
    expect(told).toEqual([false, true, true, true, false, false, true, true, false]);
  });
});

const HOUR = 3_600;
