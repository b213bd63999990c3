import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { cleanUp, eventually } from '../support/process.js';
import { itWhere } from '../support/where.js';
import { Mix } from './mix.js';
import { canMount, World } from './world.js';

const PROMISES = 'nothing acknowledged is lost, nothing revoked is accepted, nobody is signed out';
const LIMIT = 180_000;
const LISTENER = 'latchkey revocations';
/** Whatever the machine is busy with; it is a second or two otherwise, which the table shows. In seconds. */
const RECOVERY = 60;

interface Row {
  fault: string;
  times: number;
  acknowledged: number;
  unavailable: number;
  'back after s': string;
  'revoked everywhere after ms': string;
  violations: number;
}

const table: Row[] = [];
let world: World;

beforeAll(async () => {
  world = await World.start();
});

afterAll(async () => {
  await world.stop();
  await cleanUp();
  process.stdout.write(`\n${asTable(table)}\n`);
});

interface Fault {
  name: string;
  times: number;
  inject: () => Promise<void>;
}

function only<T>(items: T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('There is none.');
  return item;
}

/** Lets something be wrong for a while. */
async function during(milliseconds: number, begin: () => unknown, end: () => unknown): Promise<void> {
  await begin();
  try {
    await sleep(milliseconds);
  } finally {
    await end();
  }
}

async function backends(condition: string): Promise<number[]> {
  const rows = await world.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND application_name LIKE 'latchkey%' AND ${condition}`,
  );
  return rows.map(({ pid }) => pid);
}

/** Each by a connection of its own, so that none waits for the next one while it holds another. */
async function locked(...tables: string[]): Promise<void> {
  const holders = await Promise.all(tables.map(() => world.connect()));
  await Promise.all(
    holders.map((holder, index) => holder.query(`BEGIN; LOCK TABLE ${tables[index]} IN ACCESS EXCLUSIVE MODE`)),
  );
  await sleep(4_000);
  await Promise.all(holders.map((holder) => holder.end()));
}

/** Takes every connection that there is, and those of the servers when they are given back. */
async function connectionsUsedUp(): Promise<void> {
  const taken: pg.Client[] = [];
  const end = performance.now() + 4_000;
  while (performance.now() < end) {
    await world.connect().then(
      (client) => taken.push(client),
      async () => {
        if (taken.length > 0) world.line.reset();
        await sleep(5);
      },
    );
  }
  await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
}

let turn = 0;
const nextReplica = () => only(world.replicas, (turn += 1));

const faults: Fault[] = [
  { name: 'nothing', times: 1, inject: () => sleep(2_000) },
  {
    name: 'kill -9 of a server',
    times: 3,
    inject: async () => {
      const replica = nextReplica();
      replica.signal('SIGKILL');
      await replica.ended();
      await replica.start();
      await replica.ready();
    },
  },
  {
    name: 'kill -9 of the postmaster',
    times: 3,
    inject: async () => {
      const before = world.postmaster;
      process.kill(before, 'SIGKILL');
      await eventually(() => {
        expect(world.postmaster).not.toBe(before);
      });
    },
  },
  {
    name: 'kill -9 of one backend',
    times: 3,
    inject: async () => {
      process.kill(only(await backends('true'), turn), 'SIGKILL');
    },
  },
  {
    name: 'all backends ended',
    times: 5,
    inject: async () => {
      await world.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'latchkey%'`,
      );
    },
  },
  {
    name: 'SIGSTOP of PostgreSQL for 3 s',
    times: 3,
    inject: async () => {
      const { processes } = world;
      const signal = (name: NodeJS.Signals) => {
        for (const pid of processes) {
          try {
            process.kill(pid, name);
          } catch {
            // It has ended meanwhile.
          }
        }
      };
      await during(
        3_000,
        () => {
          signal('SIGSTOP');
        },
        () => {
          signal('SIGCONT');
        },
      );
    },
  },
  {
    name: 'SIGSTOP of a server for 4 s',
    times: 2,
    inject: async () => {
      const replica = nextReplica();
      await during(
        4_000,
        () => {
          replica.signal('SIGSTOP');
        },
        () => {
          replica.signal('SIGCONT');
        },
      );
    },
  },
  {
    name: 'connections reset',
    times: 5,
    inject: async () => {
      world.line.reset();
      await sleep(300);
    },
  },
  {
    name: 'answers of PostgreSQL lost for 3 s',
    times: 3,
    inject: () =>
      during(
        3_000,
        () => {
          world.line.lose('answers');
        },
        () => {
          world.line.deliver();
        },
      ),
  },
  {
    name: 'questions to PostgreSQL lost for 3 s',
    times: 2,
    inject: () =>
      during(
        3_000,
        () => {
          world.line.lose('questions');
        },
        () => {
          world.line.deliver();
        },
      ),
  },
  {
    name: 'answers lost for 13 s',
    times: 1,
    inject: () =>
      during(
        13_000,
        () => {
          world.line.lose('answers');
        },
        () => {
          world.line.deliver();
        },
      ),
  },
  {
    name: 'a black hole for 6 s',
    times: 2,
    inject: () =>
      during(
        6_000,
        () => {
          world.line.freeze(() => true);
        },
        () => {
          world.line.takeNewCalls();
        },
      ),
  },
  {
    name: 'the listening connections ended',
    times: 5,
    inject: async () => {
      world.line.reset((application) => application === LISTENER);
      await sleep(500);
    },
  },
  {
    name: 'the listening connections frozen for 6 s',
    times: 2,
    inject: () =>
      during(
        6_000,
        () => {
          world.line.freeze((application) => application === LISTENER);
        },
        () => {
          world.line.takeNewCalls();
        },
      ),
  },
  { name: 'connections used up for 4 s', times: 2, inject: connectionsUsedUp },
  { name: 'the table of accounts locked for 4 s', times: 2, inject: () => locked('accounts') },
  { name: 'the tables of sessions and tokens locked for 4 s', times: 2, inject: () => locked('sessions', 'tokens') },
  {
    name: 'a rolling restart',
    times: 2,
    inject: async () => {
      for (const replica of world.replicas) {
        replica.signal('SIGTERM');
        await replica.ended();
        await replica.start();
        await replica.ready();
      }
    },
  },
];

it.each(faults.map((fault) => [fault.name, fault] as const))(`%s: ${PROMISES}`, (_name, fault) => suffer(fault), LIMIT);

itWhere({ has: canMount, otherwise: 'a file system of its own, for a full disk, takes root and unshare' })(
  `the disk of the database full for 4 s: ${PROMISES}`,
  async () => {
    const usual = world;
    world = await World.start({ smallDisk: true });
    const inject = async () => {
      const makeRoom = world.fillDisk();
      await sleep(4_000);
      makeRoom();
    };
    try {
      await suffer({ name: 'the disk of the database full for 4 s', times: 3, inject });
    } finally {
      await world.stop();
      world = usual;
    }
  },
  LIMIT,
);

/** Does harm while clients go on, and looks afterwards what has become of what was promised. */
async function suffer({ name, times, inject }: Fault): Promise<void> {
  const mix = new Mix(world.replicas);
  const diedBefore = world.replicas.map(({ died }) => died);
  await mix.start();
  await sleep(700);
  const recoveries: number[] = [];
  for (let time = 0; time < times; time += 1) {
    await inject();
    recoveries.push(await world.recovered());
    await sleep(500);
  }
  await mix.stop();
  await mix.verify();
  const { violations } = mix;
  table.push({
    fault: name,
    times,
    acknowledged: mix.acknowledged,
    unavailable: (mix.statuses.get('503') ?? 0) + (mix.statuses.get('none') ?? 0),
    'back after s': Math.max(...recoveries).toFixed(1),
    'revoked everywhere after ms': mix.revocationDelay.toFixed(0),
    violations: Object.values(violations).flat().length,
  });
  expect(violations).toEqual({ lost: [], revokedAccepted: [], wronglyRefused: [], sessionsEnded: [], failures: [] });
  expect(world.replicas.map(({ died }) => died)).toEqual(diedBefore);
  expect(world.replicas.flatMap((replica) => replica.lines('error', 'fatal'))).toEqual([]);
  expect(Math.max(...recoveries)).toBeLessThan(RECOVERY);
  expect(mix.acknowledged).toBeGreaterThan(0);
}

function asTable(rows: Row[]): string {
  const [first] = rows;
  if (!first) return '';
  const names = Object.keys(first) as (keyof Row)[];
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
    .join('\n');
}
