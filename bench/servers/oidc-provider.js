// oidc-provider with one client, in memory as it comes (ADAPTER=memory) or on PostgreSQL.
import pg from 'pg';
import { Provider } from 'oidc-provider';

/** One row of JSON for each thing, as the package's own examples of adapters have it; statements are prepared. */
function postgresql() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
  const query = (name, text) => async (values) => (await pool.query({ name, text, values })).rows[0];
  const find = query(
    'find',
    'SELECT payload FROM peer.oidc WHERE model = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())',
  );
  const upsert = query(
    'upsert',
    `INSERT INTO peer.oidc (model, id, payload, expires_at) VALUES ($1, $2, $3, now() + $4 * interval '1 second')
     ON CONFLICT (model, id) DO UPDATE SET payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at`,
  );
  const destroy = query('destroy', 'DELETE FROM peer.oidc WHERE model = $1 AND id = $2');
  return class {
    constructor(model) {
      this.model = model;
    }

    async find(id) {
      return (await find([this.model, id]))?.payload;
    }

    async upsert(id, payload, expiresIn) {
      await upsert([this.model, id, payload, expiresIn ?? null]);
    }

    async destroy(id) {
      await destroy([this.model, id]);
    }
  };
}

const provider = new Provider(`http://127.0.0.1:${process.env.PORT}`, {
  ...(process.env.ADAPTER === 'memory' ? {} : { adapter: postgresql() }),
  clients: [
    {
      client_id: process.env.CLIENT_ID,
      client_secret: process.env.CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
  },
  routes: { token: '/oauth/token', introspection: '/oauth/introspect' },
  ttl: { ClientCredentials: 3_600 },
});
provider.listen(Number(process.env.PORT), '127.0.0.1');
