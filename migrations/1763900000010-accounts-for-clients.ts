import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AccountsForClients1763900000010 implements MigrationInterface {
  name = 'AccountsForClients1763900000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE accounts
        ADD COLUMN name text CHECK (char_length(name) BETWEEN 1 AND 255),
        ADD COLUMN publisher_reference text CHECK (char_length(publisher_reference) <= 255),
        ADD COLUMN individual boolean NOT NULL DEFAULT true;
      CREATE UNIQUE INDEX accounts_name_key ON accounts (name);
      CREATE INDEX accounts_created_at_idx ON accounts (created_at, id);
      CREATE INDEX accounts_institution_idx ON accounts USING gin (to_tsvector('simple', translate(name,
        '!"#$%&''()*+,-./:;<=>?@[\\]^_\`{|}~‐‑‒–—‘’‚“”„…«·»', '                                               ')))
        WHERE NOT individual;
      CREATE TABLE account_networks (
        account_id uuid NOT NULL,
        network    cidr NOT NULL,
        CONSTRAINT account_networks_pkey PRIMARY KEY (account_id, network),
        CONSTRAINT account_networks_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX account_networks_network_idx ON account_networks USING gist (network inet_ops);
      CREATE TABLE account_email_domains (
        account_id uuid NOT NULL,
        domain     text NOT NULL CHECK (char_length(domain) <= 255),
        CONSTRAINT account_email_domains_pkey PRIMARY KEY (account_id, domain),
        CONSTRAINT account_email_domains_account_id_fkey
          FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
      );
      CREATE INDEX account_email_domains_domain_idx ON account_email_domains (domain);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE account_email_domains, account_networks;
      DROP INDEX accounts_institution_idx, accounts_created_at_idx, accounts_name_key;
      ALTER TABLE accounts DROP COLUMN individual, DROP COLUMN publisher_reference, DROP COLUMN name;
    `);
  }
}
