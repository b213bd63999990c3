import { availableParallelism } from 'node:os';
import { PORT_OF } from './doors.js';
import { passwordLength } from './password-text.js';
import { defaults, type Variables } from './variables.js';

/** The variables that are set, as they were written. */
export type Present = Partial<Record<keyof Variables, string>>;

/** How many connections a worker has at least. */
export const LEAST_CONNECTIONS = 2;

/** @returns what is wrong with settings that are good each for itself, and do not go together */
export function problemsBetween(present: Present): string[] {
  const problems = problemsOfPorts(present);
  if (isWildcard(present.HOST) && present.PUBLIC_URL === undefined) {
    problems.push('PUBLIC_URL must be set when HOST is a wildcard address');
  }
  if (Number(present.PORT) === 0 && present.PUBLIC_URL === undefined) {
    problems.push('PUBLIC_URL must be set when PORT is 0');
  }
  if (present.DATABASE_URL !== undefined && present.SECRET_KEY === undefined) {
    problems.push('SECRET_KEY (or SECRET_KEY_FILE) must be set when DATABASE_URL is set');
  }
  if (present.DATABASE_DIRECT_URL !== undefined && present.DATABASE_URL === undefined) {
    problems.push('DATABASE_URL must be set when DATABASE_DIRECT_URL is set');
  }
  if (present.SMTP_URL !== undefined && present.MAIL_FROM === undefined) {
    problems.push('MAIL_FROM must be set when SMTP_URL is set');
  }
  if (Number(present.USER_TOKEN_TTL ?? defaults.USER_TOKEN_TTL) > Number(present.USER_TOKEN_MAX_TTL ?? Infinity)) {
    problems.push('USER_TOKEN_TTL must not be longer than USER_TOKEN_MAX_TTL');
  }
  const workers =
    present.WEB_CONCURRENCY === 'auto'
      ? availableParallelism()
      : Number(present.WEB_CONCURRENCY ?? defaults.WEB_CONCURRENCY);
  if (Number(present.DATABASE_POOL_SIZE ?? Infinity) < LEAST_CONNECTIONS * workers) {
    problems.push('DATABASE_POOL_SIZE must be at least 2 for each of the processes of WEB_CONCURRENCY');
  }
  const minimum = Number(present.PASSWORD_MIN_LENGTH ?? defaults.PASSWORD_MIN_LENGTH);
  if (present.BOOTSTRAP_ADMIN_PASSWORD !== undefined && passwordLength(present.BOOTSTRAP_ADMIN_PASSWORD) < minimum) {
    problems.push('BOOTSTRAP_ADMIN_PASSWORD must have at least PASSWORD_MIN_LENGTH characters');
  }
  for (const [one, other] of [
    ['BOOTSTRAP_ADMIN_EMAIL', 'BOOTSTRAP_ADMIN_PASSWORD'],
    ['BOOTSTRAP_CLIENT_ID', 'BOOTSTRAP_CLIENT_SECRET'],
  ] as const) {
    if (present.DATABASE_URL !== undefined && (present[one] === undefined) !== (present[other] === undefined)) {
      problems.push(`${one} and ${other} must be set together`);
    }
  }
  return problems;
}

function problemsOfPorts(present: Present): string[] {
  const ports = { PORT: defaults.PORT, ...present };
  const names = Object.values(PORT_OF);
  const same = names.flatMap((name, index) => {
    const other = names.slice(0, index).find((earlier) => Number(ports[earlier]) === Number(ports[name]));
    return other === undefined || Number(ports[name]) === 0 ? [] : [`${name} must not be the same port as ${other}`];
  });
  const alone = (['METRICS', 'ADMIN'] as const).filter(
    (name) => present[`${name}_HOST`] !== undefined && present[`${name}_PORT`] === undefined,
  );
  return [...same, ...alone.map((name) => `${name}_PORT must be set when ${name}_HOST is set`)];
}

function isWildcard(host: string | undefined): boolean {
  return host !== undefined && /^[0x:.[\]]+$/i.test(host);
}
