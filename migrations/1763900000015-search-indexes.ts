import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Apart from what changes the tables: while indexes are built, others read on, and only wait to write. */
export class SearchIndexes1763900000015 implements MigrationInterface {
  name = 'SearchIndexes1763900000015';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX accounts_email_search_idx ON accounts (lower(email) text_pattern_ops);
      CREATE INDEX accounts_name_search_idx ON accounts (lower(name) text_pattern_ops);
      CREATE INDEX accounts_admins_idx ON accounts (created_at, id) WHERE role = 'admin';
      CREATE INDEX accounts_disabled_idx ON accounts (created_at, id) WHERE disabled_at IS NOT NULL;
      CREATE INDEX accounts_organisations_idx ON accounts (created_at, id) WHERE NOT individual;

      CREATE INDEX audit_events_actor_idx
        ON audit_events ((coalesce(client_id, actor_id::text, app_token_id::text)), at DESC, id DESC);
      CREATE INDEX audit_events_app_token_idx
        ON audit_events (app_token_id, at DESC, id DESC) WHERE app_token_id IS NOT NULL;
      CREATE INDEX audit_events_on_behalf_of_idx
        ON audit_events (on_behalf_of, at DESC, id DESC) WHERE on_behalf_of IS NOT NULL;
      CREATE INDEX audit_events_subject_idx ON audit_events (subject, at DESC, id DESC);
      CREATE INDEX audit_events_kind_idx ON audit_events (kind, at DESC, id DESC);
      CREATE INDEX audit_events_outcome_idx ON audit_events (outcome, at DESC, id DESC) WHERE outcome <> 'success';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX audit_events_outcome_idx, audit_events_kind_idx, audit_events_subject_idx,
        audit_events_on_behalf_of_idx, audit_events_app_token_idx, audit_events_actor_idx, accounts_organisations_idx,
        accounts_disabled_idx, accounts_admins_idx, accounts_name_search_idx, accounts_email_search_idx;
    `);
  }
}
