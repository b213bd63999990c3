import type { INestApplicationContext } from '@nestjs/common';
import { DatabaseClock } from '../database/database-clock.service.js';
import { bitsOf, KEY_SET_MAX_AGE, type KeyState, type SigningKey } from '../keys/key-ring.js';
import { KeyRotation, type Rotation } from '../keys/key-rotation.service.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import { confirm } from './asking.js';
import { withContext } from './command-context.js';
import { json as jsonText } from './running.js';
import { table } from './table.js';

/** What `latchkey keys list` shows of a key. */
interface KeyView {
  kid: string;
  state: KeyState;
  algorithm: string;
  bits: number;
  published_at: string;
  signs_from: string;
  /** Null until the next one is published. */
  gone_at: string | null;
}

export interface RotateArguments {
  now?: boolean;
  compromised?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** The command that lists the keys that sign session JWTs, in the order in which they sign. */
export async function listKeys(signal: AbortSignal, { json }: { json?: boolean }): Promise<string> {
  return withContext(signal, [], async (context) => {
    const ring = await context.get(SigningKeys).ring();
    const now = context.get(DatabaseClock).now();
    const views = ring.keys.map((key) => viewOf(key, ring.stateOf(key, now)));
    return json ? jsonText(views) : tableOf(views);
  });
}

/** The command that replaces the key that signs session JWTs. */
export async function rotateKeys(signal: AbortSignal, options: RotateArguments): Promise<string> {
  const { now, compromised, json } = options;
  const work = async (context: INestApplicationContext) => {
    const rotation = context.get(KeyRotation);
    const ring = await context.get(SigningKeys).ring();
    // While somebody is asked, another may replace it.
    const signing = ring.signingAt(context.get(DatabaseClock).now())?.kid;
    if (!ring.isReadable) await confirm(OF_LOST_KEYS, options);
    const done = await (compromised ? rotation.replaceCompromised(signing) : rotation.rotate({ now: now ?? false }));
    const { outcome, key, ended } = done;
    if (json) return jsonText({ outcome, kid: key.kid, signs_from: iso(key.signsFrom), ended });
    return `${textOf(done, context.get(DatabaseClock).now(), !ring.isReadable)}\n`;
  };
  return withContext(signal, [], work, { keyUse: compromised ? 'replace' : 'rotate' });
}

/** Asked only then: a leak leaves no time for questions, and a SECRET_KEY may be mistyped. */
const OF_LOST_KEYS = `The signing keys in the database cannot be read with this SECRET_KEY: they are encrypted with another one.
If that one still exists, do not go on: set SECRET_KEY to \`new,old\` instead, and nothing is lost.
If it is lost: the old keys end, with every JWT that they have signed, and a new one is encrypted with this SECRET_KEY. Servers with another SECRET_KEY can sign nobody in any more. All refresh tokens and links in mails that the lost one made are void.`;

function viewOf(key: SigningKey, state: KeyState): KeyView {
  return {
    kid: key.kid,
    state,
    algorithm: key.algorithm,
    bits: bitsOf(key),
    published_at: iso(key.publishedAt),
    signs_from: iso(key.signsFrom),
    gone_at: key.goneAt === null ? null : iso(key.goneAt),
  };
}

function tableOf(views: KeyView[]): string {
  const rows = views.map((view) => [
    view.kid,
    view.state,
    `${view.algorithm} ${view.bits}`,
    view.published_at,
    view.signs_from,
    view.gone_at,
  ]);
  return table(['KID', 'STATE', 'ALGORITHM', 'PUBLISHED', 'SIGNS FROM', 'GONE'], rows);
}

/** @param isLost whether the keys before it could not be read */
function textOf({ outcome, key, ended }: Rotation, now: number, isLost: boolean): string {
  if (outcome === 'published')
    return `Key ${key.kid} is published. It signs from ${iso(key.signsFrom)} on (--now: at once).`;
  if (outcome === 'unchanged') {
    return key.signsFrom > now
      ? `Key ${key.kid} was published before. It signs from ${iso(key.signsFrom)} on (--now: at once).`
      : `Somebody else has just replaced the key: ${key.kid} signs. Nothing was changed.`;
  }
  const lines = [
    `Key ${key.kid} signs from now on.`,
    ended.length > 0 ? afterEnding(ended, isLost) : whatBreaks(key, now),
  ];
  return lines.join('\n');
}

const IF_KNOWN = '\nIf SECRET_KEY may be known as well, replace it too: the private keys are encrypted with it.';

/** Of a key that signs before everybody can know it. */
function whatBreaks(key: SigningKey, now: number): string {
  const old = 'JWTs of the earlier key stay valid until they expire.';
  const age = Math.floor(now - key.publishedAt);
  if (age > KEY_SET_MAX_AGE) {
    return `${old}\nIt has been published for ${age} seconds, and key sets may be cached for ${KEY_SET_MAX_AGE}: services that keep them longer refuse new JWTs until they fetch the key set again.`;
  }
  return `${old}\nOther services that have fetched the key set before refuse new JWTs until they fetch it again: for up to ${KEY_SET_MAX_AGE} seconds if an unknown kid does not make them do so, and longer if they keep it longer. Latchkey's own replicas know the key at once.`;
}

function afterEnding(ended: string[], isLost: boolean): string {
  const whoGoesOn = isLost
    ? 'Everybody signs in again: refresh tokens and links in mails that the lost SECRET_KEY made are void.'
    : 'Whoever has a refresh token goes on with it; everybody else signs in again.';
  return `Ended, with every JWT that they have signed:\n${ended.map((kid) => `  ${kid}\n`).join('')}${whoGoesOn}
Other services that verify JWTs go on accepting those of the ended keys until they fetch the key set again (${KEY_SET_MAX_AGE} seconds by its Cache-Control). Restart replicas of releases before this command, which keep keys in memory.${isLost ? '' : IF_KNOWN}`;
}

const iso = (seconds: number) => new Date(Math.round(seconds) * 1_000).toISOString().replace('.000Z', 'Z');
