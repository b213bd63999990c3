import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes, dropIndexes } from './concurrently.js';

const INDEXES = {
  accounts_email_search_idx: 'ON accounts (lower(email) text_pattern_ops)',
  accounts_name_search_idx: 'ON accounts (lower(name) text_pattern_ops)',
  accounts_admins_idx: `ON accounts (created_at, id) WHERE role = 'admin'`,
  accounts_disabled_idx: 'ON accounts (created_at, id) WHERE disabled_at IS NOT NULL',
  accounts_organisations_idx: 'ON accounts (created_at, id) WHERE NOT individual',

  audit_events_actor_idx:
    'ON audit_events ((coalesce(client_id, actor_id::text, app_token_id::text)), at DESC, id DESC)',
  audit_events_app_token_idx: 'ON audit_events (app_token_id, at DESC, id DESC) WHERE app_token_id IS NOT NULL',
  audit_events_on_behalf_of_idx: 'ON audit_events (on_behalf_of, at DESC, id DESC) WHERE on_behalf_of IS NOT NULL',
  audit_events_subject_idx: 'ON audit_events (subject, at DESC, id DESC)',
  audit_events_kind_idx: 'ON audit_events (kind, at DESC, id DESC)',
  audit_events_outcome_idx: `ON audit_events (outcome, at DESC, id DESC) WHERE outcome <> 'success'`,
};

/** Both tables may be large. */
export class SearchIndexes1763900000015 implements MigrationInterface {
  name = 'SearchIndexes1763900000015';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexes(runner, INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexes(runner, Object.keys(INDEXES).reverse());
  }
}
