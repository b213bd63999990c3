import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AuditTrail1763900000013 implements MigrationInterface {
  name = 'AuditTrail1763900000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE audit_events
        ADD COLUMN outcome text NOT NULL DEFAULT 'success' CHECK (outcome IN ('success', 'failure', 'refused')),
        ADD COLUMN client_id text,
        ADD COLUMN app_token_id uuid,
        ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
      -- What going back has made of them.
      UPDATE audit_events SET outcome = substring(kind FROM '[^.]+$'), kind = regexp_replace(kind, '[.][^.]+$', '')
      WHERE kind LIKE '%.failure' OR kind LIKE '%.refused';

      -- Emails are apart, so that they can be taken away without touching the trail.
      CREATE TABLE audit_emails (
        event_id   uuid        PRIMARY KEY,
        -- Whose it was then. No foreign key: it is for the deletion of the account.
        account_id uuid,
        email      text        NOT NULL,
        at         timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX audit_emails_account_id_idx ON audit_emails (account_id) WHERE account_id IS NOT NULL;
      CREATE INDEX audit_emails_email_idx ON audit_emails (lower(email));
      CREATE INDEX audit_emails_at_idx ON audit_emails (at);

      -- Only the retention job says the word, and not even it deletes what is younger than a day.
      CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' AND current_setting('latchkey.audit_retention', true) = 'on' THEN
            IF OLD.at < now() - interval '1 day' THEN
              RETURN OLD;
            END IF;
          END IF;
          RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END
      $$;
      CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
        FOR EACH ROW EXECUTE FUNCTION audit_events_append_only();
      CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();
      -- Emails may go, but none may become another.
      CREATE TRIGGER audit_emails_no_update BEFORE UPDATE ON audit_emails
        FOR EACH ROW EXECUTE FUNCTION audit_events_append_only();
      CREATE TRIGGER audit_emails_no_truncate BEFORE TRUNCATE ON audit_emails
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();

      -- Whether the trail has it that the limit was reached, once for each window.
      ALTER TABLE attempt_limits ADD COLUMN told boolean NOT NULL DEFAULT false;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE attempt_limits DROP COLUMN told;
      DROP TABLE audit_emails;
      DROP TRIGGER audit_events_no_truncate ON audit_events;
      DROP TRIGGER audit_events_append_only ON audit_events;
      DROP FUNCTION audit_events_append_only();
      -- Or failures would look like successes.
      UPDATE audit_events SET kind = kind || '.' || outcome WHERE outcome <> 'success';
      ALTER TABLE audit_events
        DROP COLUMN details, DROP COLUMN app_token_id, DROP COLUMN client_id, DROP COLUMN outcome;
    `);
  }
}
