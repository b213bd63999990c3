// The tables of the peers, apart from Latchkey's: what one would make by hand, with a primary key and little else.
export const PEER_SCHEMA = `
  CREATE SCHEMA peer;
  CREATE TABLE peer.api_tokens (
    digest bytea PRIMARY KEY, account_id text NOT NULL, description text, expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE peer.clients (id text PRIMARY KEY, secret_digest bytea NOT NULL, scope text NOT NULL);
  CREATE TABLE peer.access_tokens (
    digest bytea PRIMARY KEY, client_id text NOT NULL, scope text NOT NULL, expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE peer.accounts (id text PRIMARY KEY, email text, name text);
  CREATE TABLE peer.sessions (
    id uuid PRIMARY KEY, account_id text NOT NULL, counter int NOT NULL DEFAULT 0, expires_at timestamptz NOT NULL);
  CREATE TABLE peer.user_tokens (
    digest bytea PRIMARY KEY, id uuid NOT NULL, owner text NOT NULL, expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE peer.networks (account_id text NOT NULL, network cidr NOT NULL);
  CREATE INDEX ON peer.networks USING gist (network inet_ops);
  CREATE TABLE peer.identifications (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), ip inet NOT NULL, url text, user_agent text, client_id text NOT NULL,
    account_id text, created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL);
  CREATE TABLE peer.oidc (
    model text, id text, payload jsonb NOT NULL, expires_at timestamptz, PRIMARY KEY (model, id));`;
