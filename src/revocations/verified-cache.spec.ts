import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RevocationListener, RevocationTag } from './revocation-tags.js';
import type { Revocations } from './revocations.service.js';
import { VerifiedCache, type Verified } from './verified-cache.js';

interface Principal {
  name: string;
}

const TAG: RevocationTag = 'token 1';
const GOOD: Verified<Principal> = { value: { name: 'first' }, id: '1', tags: ['account 1'], expiresIn: null };

/** What the cache needs of the real one, in the hands of the test. */
class FakeRevocations {
  hearing = true;
  readonly listeners: RevocationListener[] = [];

  listen(listener: RevocationListener): void {
    this.listeners.push(listener);
  }

  isConnected(): boolean {
    return this.hearing;
  }

  revoke(tag: RevocationTag): void {
    for (const listener of this.listeners) listener.revoked(tag);
  }

  goDeaf(): void {
    for (const listener of this.listeners) listener.disconnected();
  }
}

/** A look-up that is answered when the test says so. */
class Lookup {
  readonly asked = jest.fn(() => this.promise);
  answer!: (verified: Verified<Principal> | undefined) => void;
  fail!: (error: Error) => void;
  private readonly promise = new Promise<Verified<Principal> | undefined>((resolve, reject) => {
    this.answer = resolve;
    this.fail = reject;
  });
}

let revocations: FakeRevocations;
let cache: VerifiedCache<Principal>;
let now: number;

/** How many tags the cache keeps keys for: what no entry has any more must not stay. */
function tagsKept(): number {
  const { keysById, keysByTag } = cache as unknown as Record<'keysById' | 'keysByTag', { size: number }>;
  return keysById.size + keysByTag.size;
}
const newCache = (size: number) => new VerifiedCache<Principal>(revocations as unknown as Revocations, size, 'token');
const found = (verified = GOOD) => jest.fn(() => Promise.resolve(verified));
const nothing = () => jest.fn(() => Promise.resolve(undefined));

beforeEach(() => {
  now = 1_000_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  revocations = new FakeRevocations();
  cache = newCache(100);
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('A credential that was found good', () => {
  it('is not looked up again', async () => {
    const load = found();
    expect(await cache.get('a', load)).toBe(GOOD.value);
    expect(await cache.get('a', load)).toBe(GOOD.value);
    expect(cache.known('a')).toBe(GOOD.value);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is known by its own key only', async () => {
    await cache.get('a', found());
    const other = found({ ...GOOD, value: { name: 'second' } });
    expect(await cache.get('b', other)).toEqual({ name: 'second' });
    expect(other).toHaveBeenCalledTimes(1);
  });

  it.each<[string, RevocationTag, number]>([
    ['a token', TAG, 1],
    ['an account', 'account 1', 1],
    ['something else', 'account 2', 0],
    ['something that only begins like it', 'token 11', 0],
    ['something else with its id', 'session 1', 0],
  ])('is looked up again when %s is revoked on which it does or does not depend', async (_, tag, lookups) => {
    await cache.get('a', found());
    revocations.revoke(tag);
    const again = nothing();
    expect(await cache.get('a', again)).toBe(lookups === 1 ? undefined : GOOD.value);
    expect(again).toHaveBeenCalledTimes(lookups);
  });

  it('goes with all others that depend on the same thing, and leaves no trace', async () => {
    for (const key of ['a', 'b', 'c']) {
      await cache.get(key, found({ ...GOOD, id: key, tags: ['account 1', 'account 1'] }));
    }
    await cache.get('d', found({ ...GOOD, id: 'd', tags: ['account 2'] }));
    expect(tagsKept()).toBe(6);
    revocations.revoke('account 1');
    expect(['a', 'b', 'c', 'd'].map((key) => cache.known(key) !== undefined)).toEqual([false, false, false, true]);
    expect(tagsKept()).toBe(2);
  });

  it('may be known by several keys, which all go with it', async () => {
    for (const key of ['a', 'b']) await cache.get(key, found());
    await cache.get('c', found({ ...GOOD, id: '2' }));
    revocations.revoke(TAG);
    expect(['a', 'b', 'c'].map((key) => cache.known(key) !== undefined)).toEqual([false, false, true]);
    expect(tagsKept()).toBe(2);
  });

  it('may have no id of its own, and may depend on another of its kind', async () => {
    await cache.get('a', found({ value: { name: 'without' }, tags: ['token 2'], expiresIn: null }));
    revocations.revoke('token undefined');
    expect(cache.known('a')).toEqual({ name: 'without' });
    revocations.revoke('token 2');
    expect(cache.known('a')).toBeUndefined();
    expect(tagsKept()).toBe(0);
  });

  it.each([
    ['its own end, when that is near', 10, 9_999],
    ['a fraction of a second, when that is all it has', 0.25, 249],
    ['a minute, when its end is far', 86_400, 59_999],
    ['a minute, when it has no end', null, 59_999],
  ])('is known until %s', async (_, expiresIn, lasts) => {
    await cache.get('a', found({ ...GOOD, expiresIn }));
    now += lasts;
    expect(cache.known('a')).toBe(GOOD.value);
    now += 1;
    expect(cache.known('a')).toBeUndefined();
    expect(tagsKept()).toBe(0);
  });

  it('is known for as long as it lasts from when it was asked for, not from when the answer came', async () => {
    const lookup = new Lookup();
    const answer = cache.get('a', lookup.asked);
    now += 2_000;
    lookup.answer({ ...GOOD, expiresIn: 3 });
    await answer;
    now += 999;
    expect(cache.known('a')).toBe(GOOD.value);
    now += 1;
    expect(cache.known('a')).toBeUndefined();
  });
});

describe('A credential that was not found good', () => {
  it('is looked up each time', async () => {
    const load = nothing();
    expect(await cache.get('a', load)).toBeUndefined();
    expect(await cache.get('a', load)).toBeUndefined();
    expect(load).toHaveBeenCalledTimes(2);
    expect(await cache.get('a', found())).toBe(GOOD.value);
  });
});

describe('Look-ups of one credential at the same time', () => {
  it('are one', async () => {
    const lookup = new Lookup();
    const answers = Array.from({ length: 50 }, () => cache.get('a', lookup.asked));
    lookup.answer(GOOD);
    expect(await Promise.all(answers)).toEqual(Array(50).fill(GOOD.value));
    expect(lookup.asked).toHaveBeenCalledTimes(1);
  });

  it('are one for each of several credentials', async () => {
    const [one, two] = [new Lookup(), new Lookup()];
    const answers = [cache.get('a', one.asked), cache.get('b', two.asked), cache.get('a', one.asked)];
    two.answer(undefined);
    one.answer(GOOD);
    expect(await Promise.all(answers)).toEqual([GOOD.value, undefined, GOOD.value]);
    expect([one.asked, two.asked].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it('all fail when it fails, and the next one asks again', async () => {
    const lookup = new Lookup();
    const answers = Array.from({ length: 3 }, () => cache.get('a', lookup.asked));
    lookup.fail(new Error('away'));
    const settled = await Promise.allSettled(answers);
    expect(settled.map((result) => result.status === 'rejected' && String(result.reason))).toEqual(
      Array(3).fill('Error: away'),
    );
    const next = found();
    expect(await cache.get('a', next)).toBe(GOOD.value);
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('fail, and leave nothing behind, also when asking throws at once', async () => {
    const thrown = cache.get('a', () => {
      throw new Error('no pool');
    });
    await expect(thrown).rejects.toThrow('no pool');
    expect(await cache.get('a', found())).toBe(GOOD.value);
  });
});

describe('A look-up that is overtaken by a revocation', () => {
  it.each<[string, RevocationTag]>([
    ['of what it depends on', TAG],
    // It cannot know yet what it depends on.
    ['of anything', 'account 77'],
  ])('%s is answered, but not kept', async (_, tag) => {
    const lookup = new Lookup();
    const answer = cache.get('a', lookup.asked);
    revocations.revoke(tag);
    lookup.answer(GOOD);
    expect(await answer).toBe(GOOD.value);
    expect(cache.known('a')).toBeUndefined();
    expect(tagsKept()).toBe(0);
  });

  it('is joined by nobody who comes later', async () => {
    const [before, after] = [new Lookup(), new Lookup()];
    const early = cache.get('a', before.asked);
    revocations.revoke(TAG);
    const late = cache.get('a', after.asked);
    const later = cache.get('a', after.asked);
    after.answer(undefined);
    expect(await Promise.all([late, later])).toEqual([undefined, undefined]);
    expect(after.asked).toHaveBeenCalledTimes(1);
    before.answer(GOOD);
    expect(await early).toBe(GOOD.value);
    expect(cache.known('a')).toBeUndefined();
  });

  it('does not undo what a later one has found, nor end the joining of a later one', async () => {
    const [before, after] = [new Lookup(), new Lookup()];
    const early = cache.get('a', before.asked);
    revocations.revoke(TAG);
    const late = cache.get('a', after.asked);
    before.answer(GOOD);
    await early;
    const joined = cache.get('a', after.asked);
    const renewed = { ...GOOD, value: { name: 'renewed' } };
    after.answer(renewed);
    expect(await Promise.all([late, joined])).toEqual([renewed.value, renewed.value]);
    expect(after.asked).toHaveBeenCalledTimes(1);
    expect(cache.known('a')).toBe(renewed.value);
  });
});

describe('While nobody hears of revocations', () => {
  it('what is known is forgotten, and everything is looked up', async () => {
    await cache.get('a', found());
    await cache.get('b', found());
    revocations.hearing = false;
    const load = nothing();
    expect(await cache.get('a', load)).toBeUndefined();
    expect(load).toHaveBeenCalledTimes(1);
    expect(tagsKept()).toBe(0);
    revocations.hearing = true;
    expect([cache.known('a'), cache.known('b')]).toEqual([undefined, undefined]);
  });

  it('nothing that is found is kept', async () => {
    revocations.hearing = false;
    const load = found();
    expect([await cache.get('a', load), await cache.get('a', load)]).toEqual([GOOD.value, GOOD.value]);
    expect(load).toHaveBeenCalledTimes(2);
    revocations.hearing = true;
    expect(cache.known('a')).toBeUndefined();
  });

  it('nobody joins a look-up, not even one from before', async () => {
    const before = new Lookup();
    const early = cache.get('a', before.asked);
    revocations.hearing = false;
    expect(await cache.get('a', nothing())).toBeUndefined();
    before.answer(GOOD);
    expect(await early).toBe(GOOD.value);
    expect(cache.known('a')).toBeUndefined();
  });

  it('nobody joins, and nothing keeps, a look-up from then when hearing is back', async () => {
    revocations.hearing = false;
    const before = new Lookup();
    const early = cache.get('a', before.asked);
    revocations.hearing = true;
    const after = nothing();
    expect(await cache.get('a', after)).toBeUndefined();
    expect(after).toHaveBeenCalledTimes(1);
    before.answer(GOOD);
    await early;
    expect(cache.known('a')).toBeUndefined();
  });

  it('a look-up is not kept that was under way when the connection was lost and is answered when it is back', async () => {
    const lookup = new Lookup();
    const answer = cache.get('a', lookup.asked);
    revocations.goDeaf();
    lookup.answer(GOOD);
    await answer;
    expect(cache.known('a')).toBeUndefined();
  });

  it('the loss of the connection alone makes it forget everything', async () => {
    await cache.get('a', found());
    revocations.goDeaf();
    expect(cache.known('a')).toBeUndefined();
    expect(tagsKept()).toBe(0);
  });
});

describe('The memory', () => {
  it('holds so many credentials and no more, and the tags of those only', async () => {
    cache = newCache(3);
    for (let index = 0; index < 1_000; index += 1) {
      await cache.get(`key ${index}`, found({ ...GOOD, id: String(index), tags: [`account ${index % 10}`] }));
      expect(tagsKept()).toBeLessThanOrEqual(6);
    }
    const kept = Array.from({ length: 1_000 }, (_, index) => index).filter((index) => cache.known(`key ${index}`));
    expect(kept).toEqual([997, 998, 999]);
    expect(tagsKept()).toBe(6);
    for (const index of kept) revocations.revoke(`token ${index}`);
    expect(tagsKept()).toBe(0);
  });

  it('gives up those first that were not used for longest', async () => {
    cache = newCache(2);
    await cache.get('a', found());
    await cache.get('b', found());
    cache.known('a');
    await cache.get('c', found());
    expect(['a', 'b', 'c'].map((key) => cache.known(key) !== undefined)).toEqual([true, false, true]);
  });

  it('has the tags of the new entry, not of the old one, when a credential was looked up again', async () => {
    await cache.get('a', found({ ...GOOD, expiresIn: 1 }));
    now += 1_000;
    await cache.get('a', found({ ...GOOD, tags: ['account 2'] }));
    expect(tagsKept()).toBe(2);
    revocations.revoke('account 1');
    expect(cache.known('a')).toBe(GOOD.value);
    revocations.revoke('account 2');
    expect(cache.known('a')).toBeUndefined();
    expect(tagsKept()).toBe(0);
  });
});
