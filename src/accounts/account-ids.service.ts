import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SecretKeys } from '../keys/secret-keys.js';
import { AccountStore } from './accounts.store.js';
import { foldEmail } from '../emails/email-address.js';

/** The ids that responses show for emails, so that they do not reveal which emails have accounts. */
@Injectable()
export class AccountIds {
  constructor(
    private readonly accounts: AccountStore,
    private readonly secretKeys: SecretKeys,
  ) {}

  /**
   * @param known the account's id, if it has been looked up already
   * @returns the id of the enabled account with this email; if there is none, a stable id of the same form that is
   *   derived from the email with a sub-key of SECRET_KEY
   */
  async of(email: string, known?: string | null): Promise<string> {
    const id = known === undefined ? await this.findEnabled(email) : known;
    return id ?? idOf(this.digest(email));
  }

  /** @returns a keyed digest of an email, for where the email itself must not appear */
  digest(email: string): Buffer {
    const { key } = this.secretKeys.current('unknown-account');
    return createHmac('sha256', key).update(foldEmail(email)).digest();
  }

  private async findEnabled(email: string): Promise<string | null> {
    const account = await this.accounts.findByEmail(email);
    return account?.disabledAt === null ? account.id : null;
  }
}

/** A uuid of the same shape as a real one: version 4 (RFC 9562 section 5.4). */
function idOf(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
