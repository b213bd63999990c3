import { createInterface } from 'node:readline';
import { MassRevocationModule } from '../mass-revocation/mass-revocation.module.js';
import { EverythingRevocation } from '../mass-revocation/everything.service.js';
import { LoggedEndsRevocation, type LoggedCounts } from '../mass-revocation/logged-ends.service.js';
import { LoggedEnds, type LoggedEvent } from '../mass-revocation/logged-ends.js';
import type { Destructive } from './account.command.js';
import { confirm } from './asking.js';
import { withContext } from './command-context.js';
import { openFile } from './files.js';
import { ProgressBar } from './progress-bar.js';
import { json, UsageError } from './running.js';

const number = (count: number) => count.toLocaleString('en');

/** The command that ends whatever anybody has open, or what an exported audit log says was ended. */
export async function revokeEverything(
  signal: AbortSignal,
  options: Destructive & { events?: string },
): Promise<string> {
  const ends = options.events === undefined ? undefined : await readEvents(options.events);
  await confirm(
    ends
      ? `Everything that these ${number(ends.events)} events say was ended ends again.${sayingEverything(ends)}`
      : 'Everybody is signed out: all sessions, resets, user, access, API and App-Tokens end. Passwords and secrets of clients stay.',
    options,
  );
  return ends ? ofEvents(signal, ends, options) : ofEverything(signal, options);
}

const sayingEverything = ({ everythingUntil: until }: LoggedEnds) =>
  until
    ? ` Everything was ended: all sessions, resets, user, access, API and App-Tokens end that were made until ${until.toISOString()}.`
    : '';

async function ofEverything(signal: AbortSignal, options: Destructive): Promise<string> {
  const bar = new ProgressBar(undefined);
  const counts = await withContext(signal, [MassRevocationModule], (context) =>
    context.get(EverythingRevocation).run(signal, ({ accounts, apiTokens }) => {
      bar.show(0, `${number(accounts)} accounts, ${number(apiTokens)} API tokens`);
    }),
  ).finally(() => {
    bar.end();
  });
  if (options.json) {
    return json({
      accounts: counts.accounts,
      api_tokens: counts.apiTokens,
      ownerless_clients: counts.ownerlessClients,
    });
  }
  return `Ended all that ${number(counts.accounts)} accounts and their clients had open, and ${number(counts.apiTokens)} API tokens.
Passwords and secrets of clients stay valid. If SECRET_KEY or the database may be known to others, replace SECRET_KEY, then run latchkey keys rotate --compromised.
`;
}

async function ofEvents(signal: AbortSignal, ends: LoggedEnds, options: Destructive): Promise<string> {
  const bar = new ProgressBar(undefined);
  const counts = await withContext(signal, [MassRevocationModule], (context) =>
    context.get(LoggedEndsRevocation).run(ends, signal, ({ accounts, sessions, tokens }) => {
      bar.show(0, `${number(accounts)} accounts, ${number(sessions)} sessions, ${number(tokens)} tokens`);
    }),
  ).finally(() => {
    bar.end();
  });
  if (options.json) {
    const { signingKeys, ...others } = counts;
    return json({ ...others, signing_keys: signingKeys });
  }
  return textOf(counts);
}

function textOf({ deleted, left, signingKeys, ...counts }: LoggedCounts): string {
  const parts = Object.entries({ ...counts, 'signing keys': signingKeys }).filter(([name]) => name !== 'events');
  const lines = [
    `Read ${number(counts.events)} events. Ended again: ${parts.map(([name, count]) => `${number(count)} ${name}`).join(', ')}.`,
    ...(deleted.length > 0
      ? ['These accounts had been deleted. They are disabled; delete them again (latchkey account delete):']
      : []),
    ...deleted.map((id) => `  ${id}`),
    ...(left.length > 0 ? ['Not done:', ...left.map((line) => `  ${line}`)] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** @throws UsageError when it is no exported audit log */
async function readEvents(path: string): Promise<LoggedEnds> {
  const ends = new LoggedEnds();
  const input = path === '-' ? process.stdin : (await openFile(path)).createReadStream();
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    for (const event of eventsIn(line, number)) ends.add(event);
  }
  if (ends.events === 0) throw new UsageError('--events has no events. Export the audit log as NDJSON.');
  return ends;
}

/** A line is an event or, of an answer without `Accept: application/x-ndjson`, a page of them. */
function eventsIn(line: string, number: number): LoggedEvent[] {
  const refused = () => new UsageError(`Line ${number} is not an event of an audit log. Export the log as NDJSON.`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw refused();
  }
  const events = Array.isArray(value) ? value : ((value as { audit_events?: unknown } | null)?.audit_events ?? [value]);
  if (!Array.isArray(events) || !events.every(isEvent)) throw refused();
  return events.map((event) => ({ ...event, at: new Date(event.at).toISOString() }));
}

function isEvent(value: unknown): value is LoggedEvent {
  const { at, kind, outcome, subject, details } = (value ?? {}) as Partial<Record<keyof LoggedEvent, unknown>>;
  return (
    [at, kind, outcome].every((text) => typeof text === 'string') &&
    !Number.isNaN(Date.parse(String(at))) &&
    (subject === null || typeof subject === 'string') &&
    typeof details === 'object' &&
    details !== null
  );
}
