import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { createDatabase, type TestDatabase } from './database.js';
import { newClient } from './oauth.js';
import { startServer, type Answer, type TestServer } from './server.js';

export const PUBLIC_URL = 'http://latchkey.test';
export const URL_OF_CLIENT = 'https://publisher.example/read';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const ABSENT = '01234567-89ab-cdef-0123-456789abcdef';

export const PASSWORD = 'example';
export const WRONG = 'Invalid email or password.';

/** What browsers say of a form that our own page has sent. */
export const OURS = { 'sec-fetch-site': 'same-origin', origin: PUBLIC_URL };

export let database: TestDatabase;
/** Believes X-Forwarded-For, so that visitors can come from anywhere. */
export let server: TestServer;
/** Two clients, as HTTP Basic. */
export let publisher: { authorization: string };
export let competitor: { authorization: string };

/**
 * A server on a database of the suite's own, and two clients.
 *
 * @param runsBackgroundJobs whether it sends mails. It then also brings the names of institutions up to date in the
 *   background, and a search in that moment does not wait for them.
 */
export function withPublishers({ runsBackgroundJobs = false } = {}): void {
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(
      database.connection,
      { publicUrl: PUBLIC_URL, trustProxy: 1 },
      {},
      { runsBackgroundJobs },
    );
    publisher = (await newClient(server)).basic;
    competitor = (await newClient(server)).basic;
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });
}

export interface Identification {
  id: string;
  _links: { wayf: { href: string } };
}

/** @returns a new identification of a visitor whom nothing tells about */
export async function identify({ url = URL_OF_CLIENT, client = publisher } = {}): Promise<Identification> {
  const visitor = { ip: '192.0.2.1', url, user_agent: 'first seen' };
  const { status, body } = await server.call('POST', '/api/identifications', visitor, client);
  expect({ status, body }).toMatchObject({ status: 201, body: { status: 'wayf' } });
  return body as Identification;
}

export const newPage = async (url = URL_OF_CLIENT): Promise<string> => (await identify({ url })).id;

export const show = (id: string, query = '', at = server) => at.call('GET', `/wayf/${id}${query}`);

type Form = Partial<Record<'email' | 'password' | 'institution', string>>;

export function submit(id: string, form: Form, headers: Record<string, string> = OURS, at = server): Promise<Answer> {
  const body = new URLSearchParams({ institution: 'none', password: PASSWORD, ...form }).toString();
  return at.call('POST', `/wayf/${id}`, body, { 'content-type': 'application/x-www-form-urlencoded', ...headers });
}

/** @returns the id of the new identification, after a look at how the browser is sent back */
export function identificationIn({ status, headers, body }: Answer): string {
  expect(status).toBe(303);
  expect(body).toBe('');
  const [, before, id = ''] = /^(.*)\?identification=([0-9a-f-]+)$/.exec(headers.get('location') ?? '') ?? [];
  expect(before).toBe(URL_OF_CLIENT);
  expect(id).toMatch(UUID);
  return id;
}

export const look = (id: string, client = publisher) =>
  server.call('GET', `/api/identifications/${id}`, undefined, client);

export interface Institution {
  id: string;
  name: string;
}

export let names = 0;

export async function newInstitution({
  name,
  domains,
}: { name?: string; domains?: string[] } = {}): Promise<Institution> {
  names += 1;
  const organisation = {
    name: name ?? `Institution ${names}`,
    email_domains: domains ?? [`institution${names}.example`],
  };
  const { status, body } = await server.call('POST', '/api/accounts', organisation, publisher);
  expect(status).toBe(201);
  return body as Institution;
}

export const problemIn = ({ body }: Answer) => /role="alert">([^<]*)</.exec(body as string)?.[1];

export async function countIdentifications(): Promise<number> {
  const [row] = await database.query<{ count: number }>('SELECT count(*)::int FROM identifications');
  return row?.count ?? -1;
}

export function expectPage(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('x-frame-options')).toBe('DENY');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(answer.headers.get('etag')).toBeNull();
  expect(answer.body).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(answer.body).not.toMatch(/<script[^>]|<link|<img|<iframe|<base|\son\w+=|javascript:/i);
}

/** @returns the policy of a page, without what it says of the page's own script, which has been looked at */
export function policyOf({ headers, body }: Answer): string[] {
  const all = (headers.get('content-security-policy') ?? '').split('; ');
  const scripts = [...String(body).matchAll(/<script>([^]*?)<\/script>/g)].map(([, text = '']) => text);
  if (scripts.length === 0) return all;
  expect(scripts).toHaveLength(1);
  const digest = createHash('sha256')
    .update(scripts[0] ?? '')
    .digest('base64');
  const ofScript = [`script-src 'sha256-${digest}'`, "connect-src 'self'"];
  expect(all).toEqual(expect.arrayContaining(ofScript));
  return all.filter((line) => !ofScript.includes(line));
}

export const policy = (...targets: string[]) => [
  "default-src 'none'",
  expect.stringMatching(/^style-src 'sha256-[\w+/]{43}='$/),
  "base-uri 'none'",
  `form-action ${targets.join(' ') || "'none'"}`,
  "frame-ancestors 'none'",
];
