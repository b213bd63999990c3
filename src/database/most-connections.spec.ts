import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../config/config.js';
import { mostConnections } from './most-connections.js';

describe('The most connections of a replica', () => {
  it.each([
    [{}, 22],
    [{ DATABASE_POOL_SIZE: '20' }, 42],
    [{ WEB_CONCURRENCY: '4' }, 28],
    [{ DATABASE_URL: 'postgres://pooler/latchkey', DATABASE_DIRECT_URL: 'postgres://db/latchkey' }, 23],
  ])('with %j are %d', (env, most) => {
    const key = 'DATABASE_URL' in env ? { SECRET_KEY: 'a secret key of forty characters or so 0123' } : {};
    expect(mostConnections(loadConfig({ ...env, ...key }))).toBe(most);
  });
});
