import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { DatabaseConnection } from '../config/database-url.js';
import type { Door } from '../config/doors.js';
import type { Peer } from './peer.js';

/** The numbers of a process, as prom-client gives them. */
export type Numbers = MetricObjectWithValues<MetricValue<string>>[];

/** Who wants to hash: see `FairQueue`. */
export interface Turn {
  network: string;
  address: string;
  isKnown?: boolean;
}

/** What a worker is started with. */
export interface Start {
  /** From 1 on. The first one also does what only one is to do. */
  number: number;
  /** The variables as the server was started with, with the secrets that were in files then. */
  settings: Record<string, string>;
  secretKeys: string[];
  /** To the embedded database. */
  connection: DatabaseConnection | undefined;
  /** Whether the server is starting, rather than this worker taking the place of one that has ended. */
  isFirst: boolean;
}

/** What the process that has started the workers asks of them. */
export interface AskedOfWorkers {
  /** Is answered when it can serve. */
  start: { says: Start; hears: undefined };
  /** With a connection, and the door by which it came in. Is answered with how many it has. */
  connection: { says: { door: Door }; hears: number };
  /** The same, without one. */
  alive: { says: undefined; hears: number };
  numbers: { says: undefined; hears: Numbers };
  /** Tags of what another worker has revoked, which is to be forgotten. */
  revoked: { says: string[]; hears: undefined };
  /** There may be mails to send. */
  mail: { says: undefined; hears: undefined };
  /** Every answer is to be the last one of its connection. */
  leave: { says: undefined; hears: undefined };
  /** To end what is left, in milliseconds: for how long idle connections are kept, and all of them at most. */
  stop: { says: { grace: number; limit: number }; hears: undefined };
}

/** What workers ask of the process that has started them. */
export interface AskedByWorkers {
  /** A turn in the queue of all workers; or, in milliseconds, how long it would take. */
  turn: { says: { place: Turn; expected: number }; hears: { job: number } | { wait: number } };
  /** The turn is over. */
  over: { says: { job: number }; hears: undefined };
  /** How long it would take until a turn, in milliseconds, if that is too long. */
  room: { says: Turn; hears: number | undefined };
  /** Whether anybody waits for a turn. */
  busy: { says: undefined; hears: boolean };
  /** The numbers of all processes of the server. */
  numbers: { says: undefined; hears: Numbers[] };
  /** The same tags. Is answered when every worker has forgotten it. */
  revoked: { says: string[]; hears: undefined };
  /** There may be mails to send, which another worker does. */
  mail: { says: undefined; hears: undefined };
}

/** The process that has started this one, and others beside it. */
export type Primary = Peer<AskedByWorkers, AskedOfWorkers>;
