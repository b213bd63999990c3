import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: { stringValue?: string; intValue?: number | string } }[];
  links?: { traceId: string; spanId: string }[];
  events?: { name: string }[];
  status?: { code?: number };
}

/** What an OpenTelemetry collector takes over OTLP/HTTP in JSON. */
class Collector {
  readonly bodies: string[] = [];
  readonly headers: Record<string, unknown>[] = [];
  private server: Server | undefined;
  url = '';

  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.bodies.push(Buffer.concat(parts).toString('utf8'));
        this.headers.push({ url: request.url, ...request.headers });
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  get spans(): Span[] {
    return this.bodies
      .map((body) => JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] })
      .flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      );
  }

  close(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}

const attribute = (span: Span | undefined, key: string) => {
  const value = span?.attributes.find((one) => one.key === key)?.value;
  return value?.stringValue ?? Number(value?.intValue);
};

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const EMAIL = 'traced.person@example.org';
const PASSWORD = 'a password that nobody exports 81723';
/** All but the last digit of tokens that nobody has. */
const APP_TOKEN = '5a1d6c0f93be47d28e07b1c4f2a9d83';
const JSON_SENT = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '100' };

const collector = new Collector();
beforeAll(() => collector.start());
afterAll(async () => {
  collector.close();
  await cleanUp();
});

describe('With the standard variables', () => {
  let server: ServerProcess;
  let jwt: string;

  beforeAll(async () => {
    server = await ServerProcess.start({
      DATA_DIR: newFolder(),
      ...JSON_SENT,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=one',
      OTEL_SERVICE_NAME: 'latchkey-of-a-test',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      BCRYPT_COST: '4',
    }).then((one) => one.ready());
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    const account = { email: EMAIL, password: PASSWORD };
    expect((await server.call('POST', '/accounts', { account }, { traceparent })).status).toBe(201);
    const signedIn = await server.call('POST', '/account/session', { account }, { traceparent });
    expect(signedIn.headers.get('traceparent')).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    jwt = signedIn.body.token;
    await server.call('POST', '/account/password', { account: { email: EMAIL } });
    await eventually(() => {
      expect(collector.spans.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['POST /account/session', 'hash password', 'send mail']),
      );
    });
  });

  it('a request is a part of the trace that it comes with, and has its hashing and its statements as parts', () => {
    const root = collector.spans.find(({ name }) => name === 'POST /account/session');
    expect(root).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, kind: 2 });
    expect(attribute(root, 'http.route')).toBe('/account/session');
    expect(attribute(root, 'http.request.method')).toBe('POST');
    expect(attribute(root, 'http.response.status_code')).toBe(200);
    const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    const hashing = parts.find(({ name }) => name === 'hash password');
    expect(hashing?.traceId).toBe(TRACE);
    expect(hashing?.events?.map(({ name }) => name)).toEqual(['its turn']);
    const statements = parts.filter((span) => attribute(span, 'db.system.name') === 'postgresql');
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.some((span) => String(attribute(span, 'db.query.text')).includes('$1'))).toBe(true);
  });

  it('says what the variables say of the service, with their headers', () => {
    expect(collector.bodies.join('')).toContain('latchkey-of-a-test');
    expect(collector.bodies.join('')).toContain('deployment.environment.name');
    expect(collector.headers[0]).toMatchObject({ url: '/v1/traces', 'x-tenant': 'one' });
  });

  it('a request that brings no trace, or none that is one, begins its own, and is logged with it', async () => {
    for (const traceparent of ['nonsense', `00-${'0'.repeat(32)}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`]) {
      const { headers } = await server.call('GET', '/account/sessions', undefined, { traceparent });
      const [, traceId] = String(headers.get('traceparent')).split('-');
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(traceId).not.toBe(TRACE);
      await eventually(() => {
        expect(server.log).toContainEqual(expect.objectContaining({ msg: 'request', trace_id: traceId, status: 401 }));
      });
    }
    expect(server.log).toContainEqual(
      expect.objectContaining({ msg: 'request', route: '/account/session', trace_id: TRACE }),
    );
  });

  it('what is looked up for several at once is linked with each of them, and belongs to none', async () => {
    const one = (count: number) => ({ 'app-token': `${APP_TOKEN}${count}`, token: `${APP_TOKEN}${count}` });
    await Promise.all(
      Array.from({ length: 8 }, (_, count) => server.call('GET', '/api/v1/tokens/', undefined, one(count))),
    );
    await eventually(() => {
      const batch = collector.spans.find(({ name }) => name === 'batch');
      expect(batch?.parentSpanId ?? '').toBe('');
      const link = batch?.links?.[0];
      const linked = collector.spans.find(({ spanId }) => spanId === link?.spanId);
      expect(linked?.links).toContainEqual(expect.objectContaining({ spanId: batch?.spanId }));
      const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === batch?.spanId);
      expect(parts.some((span) => attribute(span, 'db.system.name') === 'postgresql')).toBe(true);
    });
  });

  it('a mail is a trace of its own, without its recipient', () => {
    const mail = collector.spans.find(({ name }) => name === 'send mail');
    expect(mail?.parentSpanId ?? '').toBe('');
    expect(attribute(mail, 'latchkey.mail.attempt')).toBe(1);
  });

  it('the last spans are sent when it stops, and nothing that was sent has a secret or a person in it', async () => {
    const paths = [
      '/account/password/reset/0123456789abcdefsecretinpath',
      '/api/v1/tokens/secretid123?token=secretinquery',
    ];
    for (const path of paths) await server.call('GET', path, undefined, { authorization: 'Bearer secretinheader' });
    const last = await server.call('GET', '/account/sessions', undefined, { authorization: `Bearer ${jwt}` });
    const [, , spanId] = String(last.headers.get('traceparent')).split('-');
    server.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(collector.spans.map((span) => span.spanId)).toContain(spanId);
    const everything = collector.bodies.join('\n');
    for (const secret of [
      APP_TOKEN,
      PASSWORD,
      EMAIL,
      'traced.person',
      jwt,
      jwt.split('.')[2] ?? '',
      'secretin',
      'secretid',
      '127.0.0.1"',
    ]) {
      expect(everything.includes(secret)).toBe(false);
    }
    expect(everything).not.toMatch(/\$2[aby]\$\d\d\$/);
  });
});

describe('Traces', () => {
  it('that are not sampled are not sent, and the answer says so', async () => {
    const before = collector.bodies.length;
    const server = await ServerProcess.start({
      DATA_DIR: newFolder(),
      ...JSON_SENT,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'always_off',
    }).then((one) => one.ready());
    const { headers } = await server.call('GET', '/account/sessions', undefined, {
      traceparent: `00-${TRACE}-${PARENT}-01`,
    });
    expect(headers.get('traceparent')).toMatch(/-00$/);
    server.kill('SIGTERM');
    expect((await server.exited).code).toBe(0);
    expect(collector.bodies).toHaveLength(before);
  });

  it('that nobody takes fail no request, are told of once, and keep no server from stopping', async () => {
    const server = await ServerProcess.start({
      DATA_DIR: newFolder(),
      ...JSON_SENT,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    }).then((one) => one.ready());
    for (let count = 0; count < 3; count += 1) {
      expect((await server.call('GET', '/account/sessions')).status).toBe(401);
      await eventually(() => {
        expect(server.stdout).toContain('traces cannot be exported: ');
      });
    }
    expect(server.stdout.split('traces cannot be exported: ')).toHaveLength(2);
    server.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  it('that nobody has asked for load nothing, and a trace that a request brings is in its log if it is one', async () => {
    const server = await ServerProcess.start(
      { DATA_DIR: newFolder(), OTEL_SERVICE_NAME: 'alone', NODE_DEBUG: 'module' },
      {},
    ).then((one) => one.ready());
    const good = await server.call('GET', '/account/sessions', undefined, { traceparent: `00-${TRACE}-${PARENT}-01` });
    await server.call('GET', '/account/sessions', undefined, { traceparent: '"><script>' });
    expect(good.headers.get('traceparent')).toBeNull();
    server.kill('SIGTERM');
    await server.exited;
    const requests = server.log.filter(({ msg }) => msg === 'request') as { route?: string; trace_id?: string }[];
    const traces = requests.filter(({ route }) => route === '/account/sessions').map(({ trace_id: id }) => id);
    expect(traces).toEqual([TRACE, undefined]);
    const loaded = [...server.stderr.matchAll(/load "[^"]*\/node_modules\/((@[\w-]+\/)?[\w-]+)\//g)].map(
      ([, name]) => name,
    );
    expect(loaded).toEqual(expect.arrayContaining(['pg', 'fastify']));
    // `prom-client` loads the interface, which has no part that does anything.
    expect(loaded.filter((name) => name?.startsWith('@opentelemetry/') && name !== '@opentelemetry/api')).toEqual([]);
    expect(server.output).not.toContain('<script>');
  });
});
