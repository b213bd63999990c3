import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { foldEmail } from '../emails/email-address.js';
import { SecretKeys, type SubKey } from '../keys/secret-keys.js';
import type { AccountRecord } from './records.js';

/**
 * What a record without ids is known by: its email or, without one, its name. Accounts keep it as a keyed digest, by which a
 * record is about the same account when that has another email by now, or is deleted.
 */
@Injectable()
export class ImportOrigins {
  constructor(private readonly secretKeys: SecretKeys) {}

  /** @returns what an account of this record keeps; undefined when it has ids */
  kept(record: AccountRecord): Buffer | undefined {
    const hasIds = record.id !== undefined || record.legacyId !== undefined;
    return hasIds ? undefined : digestOf(record, this.secretKeys.current('imported-as'));
  }

  /** @returns it as it may have been kept, by whatever key */
  possible(record: AccountRecord): Buffer[] {
    return this.secretKeys.all('imported-as').map((key) => digestOf(record, key));
  }
}

/** It begins with the id of the key. */
function digestOf({ email, name = '' }: AccountRecord, { id, key }: SubKey): Buffer {
  const text = email === undefined ? `name ${name}` : `email ${foldEmail(email)}`;
  return Buffer.concat([Buffer.from(id), createHmac('sha256', key).update(text).digest()]);
}
