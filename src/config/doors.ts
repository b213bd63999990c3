import type { Config } from './config.js';

/** Where a server listens: `public` on PORT, the others on METRICS_PORT and ADMIN_PORT, if these are set. */
export type Door = 'public' | 'metrics' | 'admin';

/** The routes that are not for everybody. Each path stands for all that is below it too. */
export const OPERATORS_PATHS = {
  probes: ['/healthz', '/readyz'],
  metrics: ['/metrics'],
  docs: ['/docs', '/docs-json'],
  admin: ['/api/v1/accounts', '/api/v1/audit_events', '/api/v1/oauth_clients'],
} as const;

/** Where one door is. */
export interface DoorAddress {
  door: Door;
  host: string;
  /** 0: any that is free. */
  port: number;
}

/** The variable that says on which port a door is. */
export const PORT_OF = { public: 'PORT', metrics: 'METRICS_PORT', admin: 'ADMIN_PORT' } as const satisfies Record<
  Door,
  string
>;

type DoorSettings = Pick<Config, 'host' | 'port' | 'otherDoors'>;

/** All doors of a server, the public one last: once that is open, the others are. */
export const doorsOf = ({ host, port, otherDoors }: DoorSettings): DoorAddress[] => [
  ...otherDoors,
  { door: 'public', host, port },
];

/**
 * The one rule of which route is behind which door: admins have every route at theirs, and whoever watches the server has
 * numbers and probes. What has a door of its own is not behind the public one, but for the probes.
 *
 * @param others the doors that there are beside the public one
 * @param path of a request, or the pattern of a route
 */
export function isBehind(door: Door, others: readonly Door[], path: string): boolean {
  const kind = kindOf(path);
  if (door === 'admin' || kind === 'probes') return true;
  if (door === 'metrics') return kind === 'metrics';
  if (kind === 'metrics') return !others.includes('metrics');
  return kind === undefined || !others.includes('admin');
}

/** Whether Swagger UI and the description of the API are behind a door. */
export const isDocumentedAt = (door: Door, { docs, otherDoors }: Pick<Config, 'docs' | 'otherDoors'>): boolean =>
  docs &&
  isBehind(
    door,
    otherDoors.map((other) => other.door),
    '/docs',
  );

/** @returns where Swagger UI is, for people at the machine; undefined: nowhere */
export function addressOfDocs(config: DoorSettings & Pick<Config, 'docs' | 'publicUrl'>): string | undefined {
  if (!config.docs) return undefined;
  const admin = config.otherDoors.find(({ door }) => door === 'admin');
  if (!admin) return `${config.publicUrl}/docs`;
  return admin.port === 0 ? undefined : `${urlOf(admin)}/docs`;
}

export const urlOf = ({ host, port }: Pick<DoorAddress, 'host' | 'port'>) =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

function kindOf(path: string): keyof typeof OPERATORS_PATHS | undefined {
  const kinds = Object.keys(OPERATORS_PATHS) as (keyof typeof OPERATORS_PATHS)[];
  return kinds.find((kind) => OPERATORS_PATHS[kind].some((root) => path === root || path.startsWith(`${root}/`)));
}
