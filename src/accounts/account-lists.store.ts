import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import type { AccountFields } from './account-fields.js';

/** Columns with the other names, the networks and the domains of the account `a`. */
export const LISTS = `
  a.aliases,
  ARRAY(SELECT n.network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY n.network) AS networks,
  ARRAY(SELECT d.domain FROM account_email_domains d WHERE d.account_id = a.id ORDER BY d.domain) AS "emailDomains"`;

/** The other names, the networks and the email domains of accounts. */
@Injectable()
export class AccountLists {
  /** Replaces the given lists of an account; absent ones stay. The caller holds a lock on the account. */
  async replace(tx: EntityManager, id: string, { aliases, networks, emailDomains }: AccountFields): Promise<void> {
    if (aliases) await sql(tx, 'UPDATE accounts SET aliases = $2 WHERE id = $1 RETURNING id', [id, aliases]);
    if (networks) await this.replaceNetworks(tx, id, networks);
    if (emailDomains) await this.replaceEmailDomains(tx, id, emailDomains);
  }

  private async replaceNetworks(tx: EntityManager, id: string, networks: string[]): Promise<void> {
    await sql(tx, 'DELETE FROM account_networks WHERE account_id = $1 AND network <> ALL ($2::cidr[])', [id, networks]);
    await sql(
      tx,
      `INSERT INTO account_networks (account_id, network) SELECT $1, unnest($2::cidr[]) ON CONFLICT DO NOTHING`,
      [id, networks],
    );
  }

  private async replaceEmailDomains(tx: EntityManager, id: string, domains: string[]): Promise<void> {
    await sql(tx, 'DELETE FROM account_email_domains WHERE account_id = $1 AND domain <> ALL ($2)', [id, domains]);
    await sql(
      tx,
      `INSERT INTO account_email_domains (account_id, domain) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`,
      [id, domains],
    );
  }
}
