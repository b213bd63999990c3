import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from './config.js';
import { addressOfDocs, isBehind, OPERATORS_PATHS, type Door } from './doors.js';

const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, { tags: string[] }>>;
};
const routes = [...Object.keys(paths), '/docs', '/docs/swagger-ui.css', '/docs-json', '/password/reset', '/wayf/{id}'];
const behind = (door: Door, others: Door[]) => routes.filter((path) => isBehind(door, others, path));

describe('A route', () => {
  it('of admins is one that the description tags so, or that makes clients', () => {
    const tagged = Object.keys(paths).filter((path) =>
      Object.values(paths[path] ?? {}).some(({ tags }) => tags.includes('admin')),
    );
    const clients = Object.keys(paths).filter((path) => path.startsWith('/api/v1/oauth_clients'));
    const hidden = Object.keys(paths).filter(
      (path) => !isBehind('public', ['admin'], path) && !path.startsWith('/docs'),
    );
    expect(hidden.sort()).toEqual([...tagged, ...clients].sort());
    expect(tagged.length).toBeGreaterThan(5);
  });

  it('is behind the public door, when that is the only one', () => {
    expect(behind('public', [])).toEqual(routes);
  });

  it('is behind the metrics door if it is one of the probes or the metrics, which the public door then does not have', () => {
    expect(behind('metrics', ['metrics']).sort()).toEqual(['/healthz', '/metrics', '/readyz']);
    expect(routes.filter((path) => !isBehind('public', ['metrics'], path))).toEqual(['/metrics']);
  });

  it('is behind the door of admins, whatever it is', () => {
    expect(behind('admin', ['metrics', 'admin'])).toEqual(routes);
    for (const path of [...OPERATORS_PATHS.docs, ...OPERATORS_PATHS.admin])
      expect(isBehind('public', ['admin'], path)).toBe(false);
    expect(isBehind('public', ['admin'], '/metrics')).toBe(true);
  });

  it('that only begins like one for operators is for everybody', () => {
    for (const path of ['/docsify', '/metrics2', '/api/v1/accounts_of_mine', '/healthz2'])
      expect(isBehind('public', ['metrics', 'admin'], path)).toBe(true);
  });
});

it('Swagger UI is at PUBLIC_URL, at the door of admins, or nowhere', () => {
  const at = (env: Record<string, string>) => addressOfDocs(loadConfig({ PUBLIC_URL: 'https://id.example', ...env }));
  expect(at({})).toBe('https://id.example/docs');
  expect(at({ METRICS_PORT: '9464' })).toBe('https://id.example/docs');
  expect(at({ ADMIN_PORT: '3001' })).toBe('http://127.0.0.1:3001/docs');
  expect(at({ ADMIN_PORT: '3001', ADMIN_HOST: '::1' })).toBe('http://[::1]:3001/docs');
  expect(at({ ADMIN_PORT: '3001', DOCS: 'off' })).toBeUndefined();
});
