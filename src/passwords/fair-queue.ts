import { ApiError, unavailable } from '../errors/api-error.js';
import type { MaybePromise } from '../http/maybe-promise.js';

/** Somebody who waits. */
interface Waiting {
  isKnown: boolean;
  /** How long their work is expected to take, in milliseconds. */
  expected: number;
  begin(): void;
}

/** Work that is being done. */
interface Job {
  expected: number;
  begun: number;
}

/** Who waits at one network. */
interface Network {
  /** The round in which it has its next turn. */
  round: number;
  /** By address, in the order in which these have their turns. */
  addresses: Map<string, Waiting[]>;
}

/** Who waits for what: a network of some kind, and an address in it. */
export interface Place {
  network: string;
  address: string;
  /** Whether it comes first among those who have their turn in the same round. */
  isKnown?: boolean;
}

/** A queue for work of which only so much can be done at once. */
export interface Queue {
  /** Whether somebody waits. */
  isBusy(): MaybePromise<boolean>;
  /**
   * Does work when it has its turn.
   *
   * @param expected how long it is going to take, in milliseconds
   * @throws ApiError `unavailable` when its turn would come, or has not come, within the patience; with how long to wait
   */
  run<T>(place: Place, expected: number, work: () => Promise<T>): Promise<T>;
  /** @throws ApiError `unavailable` when somebody who comes now would wait for too long */
  requireRoom(place: Place): MaybePromise<void>;
}

/** Nobody waits longer for their turn to hash, in milliseconds. */
export const PATIENCE = 3_000;

/**
 * A queue for work of which only so much can be done at once. Networks have turns, one in each round, then the
 * addresses in each of them, then whoever waits at one address in the order of their coming: a crowd at one place keeps nobody
 * else waiting. Whoever comes is next in the round that is under way, unless they have had their turn in it (after start-time fair
 * queueing: Goyal, Vin and Cheng, 1996). Of those in one round whoever is known comes first. Nobody waits longer than `patience`, and whoever would have to is told so at once.
 */
export class FairQueue implements Queue {
  /** In the order of their turns, as far as these are in the same round. */
  private readonly networks = new Map<string, Network>();
  /** The round that is under way. */
  private round = 0;
  /** The next round of those of whom nobody waits, if they have had their turn in this one. */
  private readonly nextRounds = new Map<string, number>();
  private readonly running = new Set<Job>();

  /**
   * @param slots how much is done at once
   * @param patience how long somebody waits at most, in milliseconds
   */
  constructor(
    private readonly slots: number,
    private readonly patience: number,
  ) {}

  isBusy(): boolean {
    return this.networks.size > 0;
  }

  async run<T>(place: Place, expected: number, work: () => Promise<T>): Promise<T> {
    this.requireRoom(place);
    const job = await (this.running.size < this.slots ? this.begin(place, expected) : this.turn(place, expected));
    try {
      return await work();
    } finally {
      this.running.delete(job);
      this.beginNext();
    }
  }

  requireRoom(place: Place): void {
    const wait = this.waitAt(place, this.networks.get(place.network)?.addresses.get(place.address)?.length ?? 0);
    if (wait > this.patience) throw tooMany(wait);
  }

  private turn(place: Place, expected: number): Promise<Job> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        isKnown: place.isKnown ?? false,
        expected,
        begin: () => {
          clearTimeout(timer);
          resolve(this.begin(place, expected));
        },
      };
      // Others who came later may have had their turns before.
      const timer = setTimeout(() => {
        reject(tooMany(this.waitAt(place, this.leave(place, waiting))));
      }, this.patience);
      this.join(place, waiting);
    });
  }

  private begin({ network }: Place, expected: number): Job {
    const waiting = this.networks.get(network);
    this.round = Math.max(this.round, waiting?.round ?? this.nextRoundOf(network));
    if (waiting) waiting.round = this.round + 1;
    else this.nextRounds.set(network, this.round + 1);
    const job = { expected, begun: performance.now() };
    this.running.add(job);
    return job;
  }

  /** Whoever has had no turn lately comes before those who have theirs in the round under way. */
  private nextRoundOf(network: string): number {
    return this.nextRounds.get(network) ?? this.round - 0.5;
  }

  private join({ network, address }: Place, waiting: Waiting): void {
    const own = this.networks.get(network) ?? {
      round: this.nextRoundOf(network),
      addresses: new Map<string, Waiting[]>(),
    };
    this.networks.set(network, own);
    const line = own.addresses.get(address) ?? [];
    own.addresses.set(address, line);
    line.push(waiting);
  }

  /** @returns how many had been before them at their address */
  private leave({ network, address }: Place, waiting: Waiting): number {
    const own = this.networks.get(network);
    const line = own?.addresses.get(address) ?? [];
    const before = line.indexOf(waiting);
    line.splice(before, 1);
    if (line.length === 0) own?.addresses.delete(address);
    if (own?.addresses.size === 0) {
      this.networks.delete(network);
      this.nextRounds.set(network, own.round);
    }
    return before;
  }

  private beginNext(): void {
    const turn = this.nextTurn();
    if (!turn) {
      // Nobody waits: whoever comes now begins the first round.
      if (this.running.size === 0) this.nextRounds.clear();
      return;
    }
    const { place, waiting } = turn;
    this.leave(place, waiting);
    // Whoever else waits there has had a turn: the others come first.
    const addresses = this.networks.get(place.network)?.addresses;
    if (addresses) moveToEnd(addresses, place.address);
    moveToEnd(this.networks, place.network);
    waiting.begin();
    for (const [network, round] of this.nextRounds) if (round <= this.round) this.nextRounds.delete(network);
  }

  private nextTurn(): { place: Place; waiting: Waiting } | undefined {
    const rounds = [...this.networks.values()].map(({ round }) => round);
    const first = Math.min(...rounds);
    let next: { place: Place; waiting: Waiting } | undefined;
    for (const [network, { round, addresses }] of this.networks) {
      if (round !== first) continue;
      for (const [address, line] of addresses) {
        const known = line.find(({ isKnown }) => isKnown);
        if (known) return { place: { network, address }, waiting: known };
        const [waiting] = line;
        if (waiting) next ??= { place: { network, address }, waiting };
      }
    }
    return next;
  }

  /** @returns for how long somebody waits before whom so many wait at the same address, in milliseconds */
  private waitAt({ network, address, isKnown = false }: Place, before: number): number {
    if (this.running.size < this.slots) return 0;
    const now = performance.now();
    let work = 0;
    for (const { expected, begun } of this.running) work += Math.max(0, expected - (now - begun));
    const own = this.networks.get(network);
    const inNetwork = isKnown ? knownIn(own) : aheadOf(own?.addresses ?? new Map<string, Waiting[]>(), address, before);
    const round = (own?.round ?? this.nextRoundOf(network)) + inNetwork;
    let isEarlier = true;
    for (const [name, other] of this.networks) {
      if (name === network) isEarlier = false;
      const rounds = round - other.round;
      const isFirst = knownIn(other) > 0 === isKnown ? isEarlier : !isKnown;
      const elsewhere = Number.isInteger(rounds) && isFirst ? rounds + 1 : Math.ceil(rounds);
      const turns = name === network ? inNetwork : elsewhere;
      const total = lengthOf(other);
      work += (workOf(other) * Math.min(total, Math.max(0, turns))) / total;
    }
    return work / this.slots;
  }
}

/**
 * @param ring lines that have turns
 * @param key of somebody's own line
 * @param before how many are before them in that
 * @returns how many are served before them of all lines
 */
function aheadOf(ring: Map<string, Waiting[]>, key: string, before: number): number {
  let isEarlier = true;
  let ahead = before;
  for (const [name, line] of ring) {
    if (name === key) isEarlier = false;
    else ahead += Math.min(line.length, before + (isEarlier ? 1 : 0));
  }
  return ahead;
}

/** How many of those who wait at a network are known. */
const knownIn = (network: Network | undefined) =>
  [...(network?.addresses.values() ?? [])].flat().filter(({ isKnown }) => isKnown).length;

const lengthOf = ({ addresses }: Network) => [...addresses.values()].reduce((sum, line) => sum + line.length, 0);

const workOf = ({ addresses }: Network) =>
  [...addresses.values()].flat().reduce((sum, { expected }) => sum + expected, 0);

function moveToEnd<Value>(ring: Map<string, Value>, key: string): void {
  const value = ring.get(key);
  if (value === undefined) return;
  ring.delete(key);
  ring.set(key, value);
}

/** @param wait in milliseconds */
export const tooMany = (wait: number) =>
  unavailable('Too many sign-ins are in progress. Try again.', Math.max(1, Math.ceil(wait / 1_000)));

/** @returns how long whoever was refused is to wait, in milliseconds; undefined: something else was thrown */
export const waitOf = (error: unknown): number | undefined =>
  error instanceof ApiError && error.code === 'unavailable'
    ? 1_000 * Number(error.details.headers?.['retry-after'])
    : undefined;
