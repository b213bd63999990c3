import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** One place where a database may be. */
export interface DatabaseHost {
  /** A name, an address, or the folder of a Unix socket. */
  host: string;
  port: number;
}

/** How to reach a database: what `pg` takes, and what it does not know. */
export interface DatabaseConnection extends DatabaseHost {
  user?: string;
  password?: string;
  database?: string;
  options?: string;
  application_name?: string;
  enableChannelBinding?: boolean;
  sslnegotiation?: 'direct' | 'postgres';
  /** Absent: no TLS. `prefer`: TLS without a check of the certificate, where the server offers it. */
  ssl?: ConnectionOptions | 'prefer';
  /** Where else the database may be, tried in this order when it is not at `host`. */
  otherHosts?: DatabaseHost[];
}

/** Says what is wrong with a URL, as the end of a sentence, without its value. */
export class DatabaseUrlError extends Error {}

const PATTERN =
  /^postgres(?:ql)?:\/\/(?:(?<userinfo>[^/?#]*)@)?(?<hosts>[^/?#@]*)(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/;
const FORM =
  'must be a URL such as postgres://user:password@host:5432/database. ' +
  'Characters such as @ : / ? # % and spaces in the password must be percent-encoded';

const DEFAULT_PORT = 5432;

/** Parameters of libpq that change nothing here: Latchkey has limits of its own, and pg always speaks UTF-8. */
const WITHOUT_EFFECT =
  /^(connect_timeout|keepalives(_idle|_interval|_count)?|tcp_user_timeout|fallback_application_name|load_balance_hosts|uselibpqcompat|gssencmode|client_encoding|target_session_attrs)$/;
/** Values of those that ask for what Latchkey cannot do. */
const IMPOSSIBLE: Partial<Record<string, RegExp>> = {
  gssencmode: /^require$/,
  client_encoding: /^(?!utf-?8$|auto$|unicode$)/i,
  target_session_attrs: /^(read-only|standby|prefer-standby)$/,
};

/**
 * Reads a connection URL as libpq does: several hosts, Unix sockets, `sslmode`, `sslrootcert` and what else can be meant
 * for a client: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 *
 * @param authority certificates of those that may vouch for the server, in PEM, where the URL has no `sslrootcert`. With one, the
 *   default of `sslmode` is `verify-full`
 * @throws DatabaseUrlError
 */
export function parseDatabaseUrl(url: string, authority?: string): DatabaseConnection {
  const { userinfo, hosts = '', database, query = '' } = PATTERN.exec(url)?.groups ?? fail(FORM);
  // The rest of a password that has a question mark.
  if (userinfo === undefined && query.includes('@')) fail(FORM);
  const written = writtenHosts(hosts);
  const parameters = parametersOf(query);
  const { user, password } = credentials(userinfo, parameters);
  const [first, ...otherHosts] = hostsOf(written, parameters);
  const name = decode(database ?? '') || parameters.get('dbname');
  const options = parameters.get('options');
  const applicationName = parameters.get('application_name');
  const ssl = first.host.startsWith('/') ? undefined : tlsOptions(parameters, authority);
  const sockets = [first, ...otherHosts].filter(({ host }) => host.startsWith('/')).length;
  // One setting cannot hold for both: PostgreSQL has no TLS on a socket.
  if (sockets > 0 && sockets <= otherHosts.length) fail('mixes Unix sockets and names of hosts');
  return {
    ...first,
    ...(otherHosts.length > 0 && { otherHosts }),
    ...(user && { user }),
    ...(password && { password }),
    ...(name && { database: name }),
    ...(options && { options }),
    ...(applicationName && { application_name: applicationName }),
    ...(/^(prefer|require)$/.test(parameters.get('channel_binding') ?? '') && { enableChannelBinding: true }),
    ...(parameters.get('sslnegotiation') === 'direct' && { sslnegotiation: 'direct' }),
    ...(ssl && { ssl }),
  };
}

function fail(problem: string): never {
  throw new DatabaseUrlError(problem);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail(FORM);
  }
}

const KNOWN = new Set([
  ...['host', 'port', 'user', 'password', 'dbname', 'options', 'application_name', 'channel_binding'],
  ...['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation'],
]);

function parametersOf(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const [name = '', ...value] = pair.split('=');
    // What is no name may be the rest of a password.
    if (!/^[a-z_]+$/i.test(name)) fail(FORM);
    parameters.set(name, decode(value.join('=')));
  }
  for (const [name, value] of parameters) {
    if (!KNOWN.has(name) && !WITHOUT_EFFECT.test(name)) fail(`has the parameter ${name}, which is not supported`);
    if (IMPOSSIBLE[name]?.test(value)) fail(`has a value of ${name} that is not supported`);
  }
  return parameters;
}

function credentials(userinfo: string | undefined, parameters: Map<string, string>) {
  const [user = '', ...password] = (userinfo ?? '').split(':');
  return {
    user: decode(user) || parameters.get('user'),
    password: decode(password.join(':')) || parameters.get('password'),
  };
}

interface WrittenHost {
  host: string;
  port: string;
}

function writtenHosts(authority: string): WrittenHost[] {
  return authority.split(',').map((item) => {
    const found = /^(?:\[(?<v6>[\da-f:.%]+)\]|(?<name>[^:[\]\s]*))(?::(?<port>\d*))?$/i.exec(item)?.groups;
    const { v6, name = '', port = '' } = found ?? fail(FORM);
    return { host: v6 ?? decode(name), port };
  });
}

/** The parameters `host` and `port` go before what stands in front of the path. */
function hostsOf(written: WrittenHost[], parameters: Map<string, string>): [DatabaseHost, ...DatabaseHost[]] {
  const hosts = parameters.get('host')?.split(',') ?? written.map(({ host }) => host);
  const ports = parameters.get('port')?.split(',') ?? written.map(({ port }) => port);
  return hosts.map((host, index) => {
    const port = portOf((ports.length === 1 ? ports[0] : ports[index]) ?? '');
    return { host: host || 'localhost', port };
  }) as [DatabaseHost, ...DatabaseHost[]];
}

function portOf(text: string): number {
  const port = text === '' ? DEFAULT_PORT : Number(text);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : fail('has a port that is not from 1 to 65535');
}

/** The meaning of `sslmode` is libpq's, and so is its default; pg's own `no-verify` and `ssl=true` are taken too. */
function tlsOptions(parameters: Map<string, string>, authority?: string): ConnectionOptions | 'prefer' | undefined {
  const rootCertificate =
    parameters.get('sslrootcert') ?? (authority === undefined ? process.env.PGSSLROOTCERT : undefined);
  const ca =
    rootCertificate === undefined
      ? authority
      : rootCertificate === 'system'
        ? undefined
        : fileOf('sslrootcert', rootCertificate);
  const given = {
    ...(ca !== undefined && { ca }),
    ...(parameters.has('sslcert') && { cert: fileOf('sslcert', parameters.get('sslcert')) }),
    ...(parameters.has('sslkey') && { key: fileOf('sslkey', parameters.get('sslkey')) }),
  };
  const unchecked = { ...given, rejectUnauthorized: false };
  // The certificate has to come from the given authority, whatever name is in it.
  const checkedButTheName = { ...given, checkServerIdentity: () => undefined };
  const fallback = {
    true: 'verify-full',
    '1': 'verify-full',
    'no-verify': 'no-verify',
    false: 'disable',
    '0': 'disable',
  };
  const ssl = parameters.get('ssl');
  const mode =
    parameters.get('sslmode') ??
    (ssl === undefined ? undefined : fallback[ssl as keyof typeof fallback]) ??
    // An environment that was made for libpq does not weaken what was set for Latchkey.
    (authority === undefined ? (process.env.PGSSLMODE ?? 'prefer') : 'verify-full');
  switch (mode) {
    case 'disable':
      return undefined;
    case 'allow':
    case 'prefer':
      return rootCertificate === 'system' ? given : Object.keys(given).length > 0 ? unchecked : 'prefer';
    case 'no-verify':
      return unchecked;
    case 'require':
      if (rootCertificate === 'system') return given;
      return 'ca' in given ? checkedButTheName : unchecked;
    case 'verify-ca':
      if (rootCertificate === 'system') return given;
      return ca === undefined
        ? fail('has sslmode=verify-ca, which needs DATABASE_CA_FILE or sslrootcert')
        : checkedButTheName;
    case 'verify-full':
      return given;
    default:
      return fail('has an sslmode that does not exist');
  }
}

function fileOf(parameter: string, path = ''): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fail(`has a file in ${parameter} that cannot be read`);
  }
}
