import { createHmac, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  client,
  database,
  get,
  invalid,
  newBlock,
  newDomain,
  newName,
  nothingFailedUnexpectedly,
  organisation,
  outcome,
  post,
  rowOf,
  server,
  withClient,
} from '../support/connect-contract.js';
import { newAccessToken, newClient, postForm } from '../support/oauth.js';
import { bearer, signUp, type Answer } from '../support/server.js';

withClient();

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const GRANT = { grant_type: 'client_credentials' };
const here = (href: string) => new URL(href).pathname;
const put = (path: string, body: unknown, headers: Record<string, string> = client.basic) =>
  server.call('PUT', path, body, headers);

/** Signs in on the page that a client was sent to. @returns where the browser goes */
async function signInAt(wayf: string, email: string, password: string): Promise<string> {
  const form = new URLSearchParams({ institution: 'none', email, password }).toString();
  const { status, headers } = await server.call('POST', here(wayf), form, { ...FORM, origin: 'http://latchkey.test' });
  expect(status).toBe(303);
  return headers.get('location') ?? '';
}

describe('The Python client: liblynx, with its Django and Starlette middleware', () => {
  /** `requests.post(url, {...}, auth=…)`, which insists on 200. */
  async function accessToken(): Promise<Record<string, string>> {
    const { status, body } = await postForm(server, '/oauth/v2/token', GRANT, client.basic);
    expect(status).toBe(200);
    expect(body.expires_in).toEqual(expect.any(Number));
    return { ...bearer(body.access_token as string), accept: 'application/json', 'content-type': 'application/json' };
  }

  /** It keeps the entry point until `Expires`, and fails without one. */
  async function entryPoint(headers: Record<string, string>): Promise<Record<string, { href: string }>> {
    const answer = await get('/api', headers);
    const expires = Date.parse(answer.headers.get('expires') ?? '');
    expect(answer.headers.get('expires')).toMatch(/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
    expect(Math.abs(expires - Date.parse(answer.headers.get('date') ?? '') - 86_400_000)).toBeLessThanOrEqual(2_000);
    expect(answer.headers.get('cache-control')).toBe('private, max-age=86400');
    return answer.body._links as Record<string, { href: string }>;
  }

  it('identifies by address, and reads the account at _links.self', async () => {
    const headers = await accessToken();
    const links = await entryPoint(headers);
    const { ipv4 } = newBlock();
    const found = await organisation({ networks: [`${ipv4}.0.0/16`], publisher_reference: 'LIB-1' });
    const visitor = { ip: `${ipv4}.0.7`, url: 'https://example.com/foo/', user_agent: 'Python-LibLynx-Testing/0.1' };
    const { status, body } = await post(here(links['@new_identification']?.href ?? ''), visitor, headers);
    expect([status, body.status]).toEqual([201, 'identified']);
    expect(body.account).toMatchObject({ account_name: found.name, publisher_reference: 'LIB-1', active: true });
    const account = await get(here(body.account._links.self.href as string), headers);
    expect(account).toMatchObject({ status: 200, body: { id: found.id, account_name: found.name } });
    const again = (links['@get_identification']?.href ?? '').replace('{id}', body.id as string);
    expect((await get(new URL(again).pathname, headers)).body).toEqual(body);
  });

  it('sends a visitor to the page, and knows who they are when they come back: Django', async () => {
    const headers = await accessToken();
    const { email, password, id } = await signUp(server, { email: `someone@${newDomain()}` });
    const visitor = { ip: '127.0.0.127', user_agent: 'Mozilla/5.0' };
    const first = await post(
      '/api/identifications',
      { ...visitor, url: 'http://shop.example/?_ll_allow_wayf=1' },
      headers,
    );
    expect(first.body.status).toBe('wayf');
    const url = await signInAt(first.body._links.wayf.href as string, email, password);
    // The middleware sends what `request.build_absolute_uri()` gives.
    const { body } = await post('/api/identifications', { ...visitor, url }, headers);
    expect([body.status, body.account.id]).toEqual(['identified', id]);
    const account = await get(here(body.account._links.self.href as string), headers);
    expect(account).toMatchObject({ status: 200, body: { id, type: 'individual', active: true } });
  });

  it('makes an account at @new_account, with subscriptions that nobody keeps', async () => {
    const headers = await accessToken();
    const links = await entryPoint(headers);
    const account_name = newName();
    const subscriptions = [{ title: 'Foo', start: '2020-11-01 10:56:58', end: '2020-12-01 10:56:58' }];
    const made = await post(here(links['@new_account']?.href ?? ''), { account_name, subscriptions }, headers);
    expect(made).toMatchObject({ status: 201, body: { name: account_name, account_name } });
    expect(await rowOf(made.body.id as string)).toMatchObject({ name: account_name, individual: false });
  });
});

describe('The PHP client: liblynx-connect-php, and the WordPress plugin', () => {
  it('gets a token by a form, and uses it: 200', async () => {
    for (const credential of [client.basic, {}]) {
      const inBody = 'authorization' in credential ? {} : { client_id: client.id, client_secret: client.secret };
      const { status, body } = await postForm(server, '/oauth/v2/token', { ...GRANT, ...inBody }, credential);
      expect([status, body.token_type]).toEqual([200, 'Bearer']);
      expect((await get('/api', bearer(body.access_token as string))).status).toBe(200);
    }
  });

  it('sends the request URI alone, a referrer, and no user agent where there is none', async () => {
    const { ipv4 } = newBlock();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/16`] });
    const asked = { url: '/article.php?id=5&x[]=1', referrer: 'http://example.com', ip: `${ipv4}.0.7` };
    const { status, body } = await post('/api/identifications', JSON.stringify(asked));
    expect([status, body.status, body.account.id]).toEqual([201, 'identified', id]);
    expect([body.url, body.user_agent, Object.keys(body._links as object)]).toEqual([asked.url, '', ['self']]);
    const [row] = await database.query('SELECT url, user_agent FROM identifications WHERE id = $1', [body.id]);
    expect(row).toEqual({ url: asked.url, user_agent: '' });
    const nobody = await post('/api/identifications', { ...asked, ip: '203.0.113.1' });
    // `getWayfUrl()` gives null.
    expect([nobody.body.status, nobody.body._links.wayf]).toEqual(['wayf', undefined]);
  });

  it.each([
    'example',
    '/',
    '/read',
    'read?a=b',
    '?q',
    '#top',
    '//cdn.example/read',
    'a/b:c',
    '../x',
    '/ünï?q=ö',
    '/a|b"c',
  ])('identifies at the relative reference %s, by address and email', async (url) => {
    const domain = newDomain();
    const { id } = await organisation({ email_domains: [domain] });
    const { status, body } = await post('/api/identifications', { ip: '203.0.113.1', url, email: `a@${domain}` });
    expect([status, body.status, body.account.id, body.url]).toEqual([201, 'identified', id, url]);
    expect(body._links).toEqual({ self: expect.any(Object) });
  });

  it("takes document 000's own example as it is printed", async () => {
    const example =
      '{\n  "email": "username@example.com",\n  "ip": "192.0.2.1",\n  "user_agent": "example",\n  "url": "example"\n}';
    const { status, body } = await server.call('POST', '/api/identifications', example, client.basic);
    expect([status, body.status, body.url, body.email]).toEqual([201, 'wayf', 'example', 'username@example.com']);
  });

  it('sends a visitor to the page once: WordPress, which asks for rights that nobody keeps', async () => {
    const { email, password, id } = await signUp(server);
    const asked = {
      url: 'https://blog.example/2026/11/post/?p=1',
      referrer: 'https://blog.example/',
      user_agent: 'Mozilla/5.0 (X11)',
      ip: '198.51.100.77',
      unit_requests: [{ unit_code: 'UNIT', operations: [{ type: 'view' }] }],
    };
    const first = await post('/api/identifications', asked);
    expect([first.status, first.body.status]).toEqual([201, 'wayf']);
    const url = await signInAt(first.body._links.wayf.href as string, email, password);
    const second = await post('/api/identifications', { ...asked, url });
    expect([second.status, second.body.status, second.body.account.id]).toEqual([201, 'identified', id]);
  });
});

describe('The Ruby strategy: omniauth-liblynx, which sends forms', () => {
  const callback = 'https://app.example/auth/liblynx/callback';
  const visitor = { ip: '198.51.100.5', user_agent: 'Mozilla/5.0 (Mac)' };

  const ask = (form: Record<string, string>, headers: Record<string, string>) =>
    postForm(server, '/api/identifications', form, headers);

  it('identifies the person who signs in, by account_individual', async () => {
    const domain = newDomain();
    const home = await organisation({ email_domains: [domain] });
    const { email, password, id } = await signUp(server, { email: `reader@${domain}` });
    const token = bearer(await newAccessToken(server, client));
    const asked = await ask({ ...visitor, url: callback, email: `stranger@other.${domain}` }, token);
    expect([asked.status, asked.body.user_institution]).toEqual([201, null]);
    const first = await ask({ ...visitor, url: callback, email: '' }, token);
    expect([first.status, first.body.status, first.body.email]).toEqual([201, 'wayf', null]);
    // It has an address of its own for the way back, which it signs with the secret that the server does not keep.
    const back = `${callback}?email=${email}`;
    const hash = createHmac('sha256', client.secret).update(back).digest('hex');
    const wayf = `${first.body._links.wayf.href as string}?${new URLSearchParams({ url: back, hash }).toString()}`;
    expect((await server.call('GET', wayf.replace('http://latchkey.test', ''))).status).toBe(200);
    const location = new URL(await signInAt(wayf, email, password));
    expect(`${location.origin}${location.pathname}`).toBe(callback);
    // `[callback_url, '?', URI.encode_www_form(request.params)].join`
    const url = `${callback}?${new URLSearchParams([...location.searchParams]).toString()}`;
    const { body } = await ask({ ...visitor, url }, token);
    expect(body).toMatchObject({ status: 'identified', account: { id }, user_institution: { id: home.id } });
    // `uid { raw_info.dig('individual', 'display_name') }`
    expect(body.account_individual).toMatchObject({ id, type: 'individual', individual: { display_name: email } });
  });

  it('gives the name of whoever has one, and account_individual of nobody else', async () => {
    const { email, id } = await signUp(server);
    const name = newName();
    await database.query('UPDATE accounts SET name = $2 WHERE id = $1', [id, name]);
    const { body } = await ask({ ...visitor, url: callback, email }, client.basic);
    expect(body.account_individual).toEqual({ ...body.account, individual: { display_name: name } });
    const domain = newDomain();
    await organisation({ email_domains: [domain] });
    const other = await ask({ ...visitor, url: callback, email: `a@${domain}` }, client.basic);
    expect([other.body.account.type, other.body.account_individual]).toEqual(['institution', null]);
  });

  it('is told no email of a person but the one that it has itself', async () => {
    const { email, id } = await signUp(server);
    const domain = newDomain();
    await database.query('INSERT INTO account_email_domains VALUES ($1, $2)', [id, domain]);
    await database.query('INSERT INTO account_networks (account_id, network) VALUES ($1, $2)', [id, '203.0.113.77/32']);
    const shown = async (form: Record<string, string>) => {
      const { body } = await ask({ ...visitor, url: callback, ...form }, client.basic);
      expect([body.account.id, JSON.stringify(body).includes(email)]).toEqual([id, form.email === email]);
      return body.account_individual.individual.display_name as string;
    };
    expect(await shown({ email: `a@${domain}` })).toBe(id);
    expect(await shown({ ip: '203.0.113.77' })).toBe(id);
    expect(await shown({ email })).toBe(email);
  });

  it('is told which field of a form is bad, and an empty one counts as absent', async () => {
    expect(outcome(await ask({ ip: '192.0.2.1', url: 'ftp://x', email: 'nobody' }, client.basic))).toEqual(
      invalid({ url: expect.any(String), email: 'must be an email address' }),
    );
    expect(outcome(await ask({ ip: '', url: callback }, client.basic))).toEqual(invalid({ ip: 'is required' }));
    const { status, body } = await ask({ ...visitor, url: callback, user_agent: '', email: '' }, client.basic);
    expect([status, body.user_agent, body.email]).toEqual([201, '', null]);
    // In JSON, what is there is meant.
    expect((await post('/api/identifications', { ...visitor, url: callback, email: '' })).status).toBe(400);
  });
});

describe('The generated Ruby client: liblynx-api', () => {
  const config = () => ({
    account_name: randomUUID(),
    publisher_reference: String(Math.floor(Math.random() * 1_000_000)),
    email_domains: newDomain(),
  });

  it('makes an account, changes it by PUT, finds it by an email, and deletes it', async () => {
    const given = config();
    const made = await post('/api/accounts', given);
    expect(made).toMatchObject({
      status: 201,
      body: { account_name: given.account_name, publisher_reference: given.publisher_reference },
    });
    const id = made.body.id as string;
    expect((await rowOf(id)).domains).toEqual([given.email_domains]);
    const saml = { enable_saml: true, enable_shibboleth: true, shibboleth_entity_id: 'https://idp.example/shibboleth' };
    const changed = await put(`/api/accounts/${id}`, { ...given, ...saml, publisher_reference: 'changed' });
    expect(changed).toMatchObject({ status: 200, body: { id, account_name: given.account_name } });
    expect(await rowOf(id)).toMatchObject({ name: given.account_name, publisher_reference: 'changed' });
    const visitor = {
      user_agent: 'Some agent',
      ip: '127.0.0.1',
      url: `http://${given.email_domains}`,
      email: `test@${given.email_domains}`,
    };
    const identification = await post('/api/identifications', visitor);
    expect(identification.body.target_account).toMatchObject({ publisher_reference: 'changed' });
    expect((await get(`/api/identifications/${identification.body.id as string}`)).body).toEqual(identification.body);
    expect((await server.call('DELETE', `/api/accounts/${id}`, undefined, client.basic)).status).toBe(204);
  });

  it('sends email_domains as one text of lines', async () => {
    const { status, body } = await post('/api/accounts', {
      ...config(),
      email_domains: '*.somedomain.com\nalt.somedomain2.com',
    });
    expect([status, body.email_domains]).toEqual([201, ['*.somedomain.com', 'alt.somedomain2.com']]);
    const cleared = await put(`/api/accounts/${body.id as string}`, { email_domains: '' });
    expect([cleared.status, cleared.body.email_domains]).toEqual([200, []]);
  });

  it('changes what PATCH changes, and nothing by a body in which nothing is known', async () => {
    const { id, name } = await organisation();
    const before = await rowOf(id);
    for (const body of [{}, { enable_saml: true }]) {
      expect((await put(`/api/accounts/${id}`, body)).status).toBe(400);
      expect((await server.call('PATCH', `/api/accounts/${id}`, body, client.basic)).status).toBe(400);
    }
    expect(await rowOf(id)).toEqual(before);
    const fields = { publisher_reference: 'x', networks: ['198.51.100.0/24'] };
    expect(await put(`/api/accounts/${id}`, fields)).toMatchObject({ status: 200, body: { ...fields, name } });
    const reader = await newClient(server, { scopes: ['accounts:read'] });
    expect((await put(`/api/accounts/${id}`, fields, reader.basic)).status).toBe(403);
    expect((await put(`/api/accounts/${randomUUID()}`, fields)).status).toBe(404);
    expect(outcome(await put(`/api/accounts/${id}`, { ...fields, role: 'admin' }))).toEqual(
      invalid({ role: 'cannot be set by a client' }),
    );
  });
});

describe('account_name', () => {
  const made = async (fields: object): Promise<Answer> => post('/api/accounts', fields);

  it('is taken for name and given beside it, at every route that takes a name', async () => {
    const first = newName();
    const { body } = await made({ account_name: ` ${first} ` });
    expect(body).toMatchObject({ name: first, account_name: first });
    for (const [method, path] of [
      ['PATCH', '/accounts'],
      ['PATCH', '/api/accounts'],
      ['PUT', '/api/accounts'],
    ] as const) {
      const account_name = newName();
      const answer = await server.call(method, `${path}/${body.id as string}`, { account_name }, client.basic);
      expect(answer).toMatchObject({ status: 200, body: { name: account_name, account_name } });
      expect((await rowOf(body.id as string)).name).toBe(account_name);
      expect((await get(`/accounts/${body.id as string}`)).body).toMatchObject({ name: account_name, account_name });
    }
  });

  it('may stand beside a name that is the same, and beside no other', async () => {
    const name = newName();
    expect((await made({ name, account_name: `${name} ` })).status).toBe(201);
    const other = newName();
    expect(outcome(await made({ name: other, account_name: newName() }))).toEqual(
      invalid({ account_name: 'must be the same as name, or absent' }),
    );
    expect(await database.query('SELECT 1 FROM accounts WHERE name = $1', [other])).toEqual([]);
    expect(outcome(await made({ account_name: name })).at(0)).toBe(409);
    for (const [account_name, message] of [
      [null, 'must be a string'],
      [5, 'must be a string'],
      ['', 'must be one line of text'],
      ['a\nb', 'must be one line of text'],
      ['x'.repeat(256), 'must be at most 255 characters'],
    ]) {
      expect(outcome(await made({ account_name }))).toEqual(invalid({ account_name: message }));
    }
  });
});

nothingFailedUnexpectedly();
