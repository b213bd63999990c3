import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { AWAY, DEN, HOME, Session, show, type Place } from '../support/refresh.js';
import { startServer, type TestServer } from '../support/server.js';

/** A refresh token of the model: how many were made before it. */
type Token = number;

/** `undefined`: a JWT, and no refresh token with it. */
type Answer = { next: Token | undefined } | 'refused';

/** Why the model answered as it did, so that the tests can tell that they have seen everything. */
type Reason = 'rotated' | 'replayed' | 'late' | 'late from elsewhere' | 'too late' | 'skipped' | 'older' | 'over';

/** The rule, without a database: one session, whose refresh tokens are numbers. Times are seconds. */
class Model {
  reason: Reason = 'over';
  shownAt = 0;
  current: Token = 0;
  isRefreshable = true;
  private parent: Token | undefined;
  private made = 1;
  private lateShowings = 0;
  private lateFrom: Place | undefined;
  private readonly skipped = new Set<Token>();
  private hasEnded = false;

  clone(): Model {
    const copy = Object.assign(new Model(), this);
    return Object.assign(copy, { skipped: new Set(this.skipped) });
  }

  show(token: Token, at: number, from: Place, remember: boolean): Answer {
    if (this.hasEnded) return this.refuse('over');
    if (token === this.current) {
      this.parent = token;
      this.lateShowings = 0;
      this.lateFrom = undefined;
      return this.moveOn('rotated', at, remember);
    }
    if (token !== this.parent) {
      this.hasEnded = true;
      return this.refuse(this.skipped.has(token) ? 'skipped' : 'older');
    }
    const isSoon = at - this.shownAt < 10;
    if (isSoon && (this.lateFrom === undefined || this.lateFrom === from)) {
      this.reason = 'replayed';
      return { next: this.isRefreshable && remember ? this.current : undefined };
    }
    if (this.lateShowings === 20) {
      this.hasEnded = true;
      return this.refuse('too late');
    }
    this.lateShowings += 1;
    this.lateFrom = from;
    this.skipped.add(this.current);
    return this.moveOn(isSoon ? 'late from elsewhere' : 'late', at, remember);
  }

  private moveOn(reason: Reason, at: number, remember: boolean): Answer {
    this.reason = reason;
    this.shownAt = at;
    this.current = this.made++;
    this.isRefreshable &&= remember;
    return { next: this.isRefreshable ? this.current : undefined };
  }

  private refuse(reason: Reason): 'refused' {
    this.reason = reason;
    return 'refused';
  }
}

/** A showing, and how it was answered. */
interface Shown {
  token: Token;
  at: number;
  from: Place;
  by: Who;
  answer: Answer;
}

type Who = 'owner' | 'tab' | 'thief';

/** What one of them does: waits, and then shows the token that it holds, or copies that of the owner. */
interface Act {
  by: Who;
  from: Place;
  wait: number;
  /** Shown, or taken from the owner. */
  does: 'show' | 'copy';
  /** The answer never arrives. */
  lost: boolean;
  remember: boolean;
}

/** What everybody holds, and all that was shown. */
class World {
  at = 0;
  model = new Model();
  holds: { owner: Token; tab?: Token; thief?: Token } = { owner: 0 };
  history: Shown[] = [];

  clone(): World {
    const copy = new World();
    copy.at = this.at;
    copy.model = this.model.clone();
    copy.holds = { ...this.holds };
    copy.history = [...this.history];
    return copy;
  }

  /** @returns whether there was anything to do */
  act({ by, from, wait, does, lost, remember }: Act): boolean {
    this.at += wait;
    if (does === 'copy') {
      if (by === 'owner' || this.holds[by] === this.holds.owner) return false;
      this.holds[by] = this.holds.owner;
      return true;
    }
    const token = this.holds[by];
    if (token === undefined) return false;
    const answer = this.model.show(token, this.at, from, remember);
    this.history.push({ token, at: this.at, from, by, answer });
    if (!lost && answer !== 'refused' && answer.next !== undefined) this.holds[by] = answer.next;
    return true;
  }
}

/** What has to hold of any history, whatever the rule. It looks at the last showing, as all before it have been looked at. */
function check(history: Shown[]): void {
  const last = history.at(-1);
  if (!last) return;
  const before = history.slice(0, -1);
  const good = before.filter(({ answer }) => answer !== 'refused');
  const { token, at, from, answer } = last;
  const successors = successorsOf(token, good);
  if (answer === 'refused') {
    // One who asks alone, and for one thing after the other, is never signed out.
    const alone = history.every(({ by }) => by === 'owner');
    if (alone && good.length < 20) throw new Error('the owner was signed out by a lost answer');
    return;
  }
  if (before.length > good.length) throw new Error('a session that had ended was refreshed');
  // Of a token that was shown, what came after it has not been shown.
  if (good.some((shown) => successors.some(({ next }) => next === shown.token))) {
    throw new Error('a token was accepted after its successor');
  }
  // Nobody's showing has replaced it.
  for (const parent of new Set(good.map((shown) => shown.token))) {
    const given = successorsOf(parent, good).map(({ next }) => next);
    if (given.includes(token) && given.at(-1) !== token) throw new Error('a skipped token was accepted');
  }
  const earlier = successors.at(-1);
  if (!earlier || answer.next === undefined) return;
  const wentElsewhere = successors.length > 1 && earlier.from !== from;
  if (answer.next === earlier.next) {
    if (wentElsewhere) throw new Error('a thief shares what a late showing gave');
    return;
  }
  // Another successor than before: only when that was long ago, or was late itself and went to somebody else.
  const isLate = at - earlier.at >= 10;
  if (!isLate && !wentElsewhere) throw new Error('a token was accepted twice for different successors');
}

/** The successors that a token has had, each with its first showing, oldest first. */
function successorsOf(token: Token, history: Shown[]): { next: Token; at: number; from: Place }[] {
  const found: { next: Token; at: number; from: Place }[] = [];
  for (const shown of history) {
    if (shown.token !== token || shown.answer === 'refused' || shown.answer.next === undefined) continue;
    if (found.at(-1)?.next !== shown.answer.next) found.push({ ...shown, next: shown.answer.next });
  }
  return found;
}

/** Two who both go on are found out: at the latest when each has shown twice what it has. */
function checkDiscovery(world: World): void {
  const { thief } = world.holds;
  if (thief === undefined || !world.model.isRefreshable) return;
  if (world.history.some(({ answer }) => answer === 'refused')) return;
  for (const order of [
    ['owner', 'thief'],
    ['thief', 'owner'],
  ] as const) {
    const future = world.clone();
    for (const by of [...order, ...order]) future.act({ ...SHOWS, by, from: by === 'owner' ? HOME : DEN, wait: 11 });
    if (future.history.at(-1)?.answer !== 'refused') throw new Error('a thief goes on beside the owner');
  }
}

const SHOWS: Act = { by: 'owner', from: HOME, wait: 0, does: 'show', lost: false, remember: true };

const ACTS: Act[] = [0, 11].flatMap((wait) => [
  ...[false, true].flatMap((lost) => [
    ...[HOME, AWAY].map((from): Act => ({ ...SHOWS, from, wait, lost })),
    { ...SHOWS, by: 'tab' as const, wait, lost },
    { ...SHOWS, by: 'thief' as const, from: DEN, wait, lost },
  ]),
]);
const COPIES: Act[] = (['tab', 'thief'] as const).map((by) => ({ ...SHOWS, by, does: 'copy' }));

/** Every history of so many acts; a step at a time, as what begins alike is the same until then. */
function explore(world: World, depth: number, acts: Act[], visit: (world: World) => void): void {
  if (depth === 0) return;
  for (const act of acts) {
    const next = world.clone();
    if (!next.act(act)) continue;
    visit(next);
    explore(next, depth - 1, acts, visit);
  }
}

const describeActs = (world: World) =>
  world.history
    .map(({ by, token, at, answer }) => `${at} s: ${by} shows ${token}: ${JSON.stringify(answer)}`)
    .join('\n');

/** @throws with the whole history, when something does not hold of it */
function checkAll(world: World): void {
  try {
    check(world.history);
    checkDiscovery(world);
  } catch (error) {
    throw new Error(`${(error as Error).message}:\n${describeActs(world)}`, { cause: error });
  }
}

function exploreAll(depth: number, acts: Act[]): { histories: number; reasons: Set<Reason> } {
  const reasons = new Set<Reason>();
  let histories = 0;
  explore(new World(), depth, acts, (world) => {
    histories += 1;
    reasons.add(world.model.reason);
    checkAll(world);
  });
  return { histories, reasons };
}

describe('The rule of refresh tokens', () => {
  it('holds what it promises in every order of what an owner, a tab and a thief do', () => {
    const { histories, reasons } = exploreAll(4, [...ACTS, ...COPIES]);
    expect(histories).toBeGreaterThan(15_000);
    expect([...reasons].sort()).toEqual(
      ['late', 'late from elsewhere', 'older', 'over', 'replayed', 'rotated', 'skipped'].sort(),
    );
  });

  it('holds it in long stories, too', () => {
    for (const story of storiesOf(1, 1_000)) {
      const world = new World();
      for (const act of story) if (world.act(act)) checkAll(world);
    }
  });

  it('signs nobody out by lost answers who asks for one thing after the other, from wherever', () => {
    const alone = ACTS.filter(({ by }) => by === 'owner');
    const { histories, reasons } = exploreAll(5, alone);
    expect(histories).toBeGreaterThan(30_000);
    expect([...reasons].sort()).toEqual(['late', 'late from elsewhere', 'replayed', 'rotated'].sort());
  });

  it('would be caught breaking its promises', () => {
    const shown = { token: 0, at: 0, from: HOME, by: 'owner', answer: { next: 1 } } as const;
    const thief = { from: DEN, by: 'thief' } as const;
    expect(() => {
      check([shown, { ...shown, at: 20, answer: 'refused' }]);
    }).toThrow('signed out');
    expect(() => {
      check([shown, { ...shown, ...thief, answer: { next: 2 } }]);
    }).toThrow('different successors');
    expect(() => {
      check([shown, { ...shown, token: 1, answer: { next: 2 } }, { ...shown, ...thief }]);
    }).toThrow('after its successor');
    expect(() => {
      check([shown, { ...shown, at: 20, answer: { next: 2 } }, { ...shown, ...thief, token: 1, answer: { next: 3 } }]);
    }).toThrow('skipped');
    expect(() => {
      const late = { ...shown, at: 20, answer: { next: 2 } };
      check([shown, late, { ...late, ...thief }]);
    }).toThrow('shares');
    expect(() => {
      check([{ ...shown, ...thief, answer: 'refused' }, shown]);
    }).toThrow('had ended');
  });
});

describe('The server', () => {
  let database: TestDatabase;
  let server: TestServer;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.connection, { trustProxy: 1 });
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });

  /** Does the same in the model and at the server. @returns the reasons that were seen */
  async function replay(acts: Act[]): Promise<Reason[]> {
    const session = await Session.open(server, database);
    const world = new World();
    const tokens = new Map<Token, string>([[0, session.first]]);
    const reasons: Reason[] = [];
    for (const act of acts) {
      const { at, model } = world;
      const { shownAt } = model;
      const held = world.holds[act.by];
      if (!world.act(act) || act.does === 'copy' || held === undefined) continue;
      check(world.history);
      // So much time has passed for the server, too; however long all this really takes.
      await database.query(
        `UPDATE sessions SET refreshed_at = now() - $2 * interval '1 second' WHERE id = $1 AND refreshed_at IS NOT NULL`,
        [session.id, at + act.wait - shownAt],
      );
      const { status, body } = await show(server, tokens.get(held) ?? '', { from: act.from, remember: act.remember });
      reasons.push(model.reason);
      const answer = world.history.at(-1)?.answer;
      const expected = answer === 'refused' || answer === undefined ? [401] : [200, answer.next];
      const { refresh_token } = body as { refresh_token?: string };
      // A token that the model has made just now stands for the one that the server has.
      const known = [...tokens].find(([, token]) => token === refresh_token)?.[0];
      const isNew = refresh_token !== undefined && known === undefined;
      if (isNew) tokens.set(model.current, refresh_token);
      const seen = status === 200 ? [200, isNew ? model.current : known] : [status];
      const story = `${describeActs(world)}\n(${model.reason})`;
      expect({ story, seen }).toEqual({ story, seen: expected });
      // None that is known already was made again under another name.
      expect(new Set(tokens.values()).size).toBe(tokens.size);
      expect(await session.hasEnded()).toBe(world.history.some(({ answer }) => answer === 'refused'));
    }
    return reasons;
  }

  it('does what the model does, whatever happens', async () => {
    const stories = storiesOf(20_261_128, 70);
    // One whose answers are lost again and again.
    stories.push(Array.from({ length: 24 }, () => ({ ...SHOWS, wait: 11, lost: true })));
    const seen: Reason[] = [];
    for (let index = 0; index < stories.length; index += 8) {
      seen.push(...(await Promise.all(stories.slice(index, index + 8).map(replay))).flat());
    }
    expect([...new Set(seen)].sort()).toEqual(
      ['late', 'late from elsewhere', 'older', 'over', 'replayed', 'rotated', 'skipped', 'too late'].sort(),
    );
  });
});

/** Long stories of an owner, a tab and a thief, which are the same each time. */
function storiesOf(seed: number, count: number): Act[][] {
  const random = randomOf(seed);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  return Array.from({ length: count }, () =>
    Array.from({ length: 14 }, (): Act => {
      const by = one(['owner', 'owner', 'tab', 'thief'] as const);
      const from = by === 'thief' ? DEN : one([HOME, HOME, AWAY]);
      const does = by !== 'owner' && random() < 0.4 ? 'copy' : 'show';
      const lost = random() < 0.5;
      return { by, from, does, lost, wait: one([0, 0, 4, 11]), remember: random() < 0.95 };
    }),
  );
}

/** The same numbers between 0 and 1 each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
