import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { open, seal } from '../keys/envelope.js';
import type { SecretKeys } from '../keys/secret-keys.js';

/** What a request was answered. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** Whether whoever asked was an admin: it is shown to nobody else. */
  forAdmins: boolean;
}

/** How long the id of a SECRET_KEY is. */
const ID = 8;

/** Encrypts an answer: neither the database and SECRET_KEY nor the client's key opens it alone. */
export function sealAnswer(secretKeys: SecretKeys, key: string, digest: Buffer, answer: Answer): Buffer {
  const { id, key: subKey } = secretKeys.current('idempotency-answer');
  const sealed = seal(derive(subKey, key), digest.toString('hex'), Buffer.from(JSON.stringify(answer)));
  return Buffer.concat([Buffer.from(id), sealed]);
}

/** @returns undefined when its SECRET_KEY is no longer configured */
export function openAnswer(secretKeys: SecretKeys, key: string, digest: Buffer, stored: Buffer): Answer | undefined {
  const subKey = secretKeys.find('idempotency-answer', stored.subarray(0, ID).toString());
  if (!subKey) return undefined;
  const plain = open(derive(subKey.key, key), digest.toString('hex'), stored.subarray(ID));
  return JSON.parse(plain.toString()) as Answer;
}

function derive(subKey: KeyObject, key: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', subKey, key, 'answer', 32)));
}
