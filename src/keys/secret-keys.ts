import { createHmac, createSecretKey, hkdfSync, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The purposes of sub-keys of SECRET_KEY. Each has a key of its own (RFC 5869), so that none works for another purpose.
 */
export type KeyPurpose =
  | 'refresh-token'
  | 'password-reset'
  | 'email-verification'
  | 'email-undo'
  | 'unknown-account'
  | 'attempt-limit'
  | 'password-decoy'
  | 'known-address'
  | 'idempotency-key'
  | 'idempotency-answer'
  | 'imported-as'
  | 'signing-key';

/** A sub-key, and the id of the SECRET_KEY that it comes from. */
export interface SubKey {
  id: string;
  /** Of 32 bytes. No Buffer: Node.js 24 throws and catches an error each time it is given one for a key. */
  key: KeyObject;
}

/** The keys of SECRET_KEY: the first signs and encrypts, the others only verify and decrypt. */
export class SecretKeys {
  private readonly ids: string[];
  private readonly derived = new Map<string, KeyObject>();

  constructor(private readonly keys: string[]) {
    this.ids = keys.map((key) => derive(key, 'key-id', 4).toString('hex'));
  }

  /** The sub-key to sign and encrypt with. */
  current(purpose: KeyPurpose): SubKey {
    const id = this.ids[0];
    const found = id === undefined ? undefined : this.find(purpose, id);
    if (!found) throw new Error('There is no SECRET_KEY.');
    return found;
  }

  /** The sub-keys of every SECRET_KEY, the current one first, to find what any of them has made. */
  all(purpose: KeyPurpose): SubKey[] {
    return this.ids.flatMap((id) => this.find(purpose, id) ?? []);
  }

  /** @returns the sub-key that is derived from the SECRET_KEY with this id, if that is (still) configured */
  find(purpose: KeyPurpose, id: string): SubKey | undefined {
    const secret = this.keys[this.ids.indexOf(id)];
    if (secret === undefined) return undefined;
    const name = `${purpose} ${id}`;
    const key = this.derived.get(name) ?? createSecretKey(derive(secret, purpose, 32));
    this.derived.set(name, key);
    return { id, key };
  }

  /** Appends to a text the id of the key and an HMAC-SHA-256 over both.
   * @param text stays readable
   * @returns `text.keyId.mac`
   */
  sign(purpose: KeyPurpose, text: string): string {
    const { id, key } = this.current(purpose);
    return `${text}.${id}.${mac(key, `${text}.${id}`)}`;
  }

  /** @returns the text that was signed by {@link sign}; undefined if the signature is not genuine */
  verify(purpose: KeyPurpose, signed: string): string | undefined {
    const [, text, id, tag] = /^(.*)\.([0-9a-f]{8})\.([\w-]{43})$/.exec(signed) ?? [];
    if (text === undefined || id === undefined || tag === undefined) return undefined;
    const subKey = this.find(purpose, id);
    if (!subKey) return undefined;
    const expected = Buffer.from(mac(subKey.key, `${text}.${id}`));
    return timingSafeEqual(expected, Buffer.from(tag)) ? text : undefined;
  }
}

function derive(secret: string, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'latchkey', info, length));
}

function mac(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** Reads the key that is kept in `dataDir`, and generates it if there is none. */
export function keptSecretKey(dataDir: string): string {
  const path = join(dataDir, 'secret.key');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = readFileSync(path, 'utf8').trim();
  if (key.length < 32) throw new Error(`${path} is damaged: it must contain at least 32 characters.`);
  return key;
}
