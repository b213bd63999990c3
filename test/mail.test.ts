import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresConnection } from '@latchkey/supervised-postgres';
import { Sweeper } from '../src/database/sweeper.service.js';
import { PLACES } from '../src/mail/domain-shares.js';
import { composeMessage } from '../src/mail/mail-message.js';
import { smtpOptions } from '../src/mail/smtp-transport.js';
import {
  content,
  dataDir,
  database,
  defaultRenderer,
  eventually,
  hasFailed,
  isDone,
  letPausesPass,
  LINK,
  log,
  messageIds,
  onlyRow,
  PASSWORD,
  RECIPIENT,
  rows,
  server,
  startApp,
  stops,
  useMail,
  type Row,
} from './support/mail.js';

useMail();

describe('A mail in the queue', () => {
  it('is delivered once, as text and as HTML', async () => {
    const { add } = await startApp({ url: server.url() });
    await add();
    const { id, attempts, last_error } = await eventually(onlyRow, isDone);
    expect({ attempts, last_error }).toEqual({ attempts: 1, last_error: null });
    const [message] = server.mails;
    expect(message).toMatchObject({ from: 'no-reply@latchkey.example.org', to: [RECIPIENT], secure: false });
    const raw = message?.raw.replace(/=\r\n/g, '').replaceAll('=3D', '=') ?? '';
    expect(raw).toContain('From: Latchkey <no-reply@latchkey.example.org>\r\n');
    expect(raw).toContain(`To: ${RECIPIENT}\r\n`);
    expect(raw).toContain(`Message-ID: <${id}@latchkey.example.org>\r\n`);
    expect(raw).toContain('Auto-Submitted: auto-generated\r\n');
    expect(raw).toMatch(/^Date: /m);
    expect(raw).toContain('multipart/alternative');
    expect(raw).toContain(content.text.trim());
    expect(raw).toContain(content.html);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(server.mails).toHaveLength(1);
  });

  it('is not sent when the transaction that queued it is undone', async () => {
    const { module, queue, add } = await startApp({ url: server.url() });
    const undone = module.get(DataSource).transaction(async (tx) => {
      await queue.add(tx, { kind: 'reset', subjectId: randomUUID(), recipient: RECIPIENT });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await add();
    await eventually(onlyRow, isDone);
    expect(server.mails).toHaveLength(1);
  });

  it('is done and not sent when its renderer says that it has lost its purpose', async () => {
    const { add } = await startApp({ url: server.url(), render: () => Promise.resolve(undefined) });
    await add();
    await eventually(onlyRow, isDone);
    expect(server.mails).toHaveLength(0);
  });

  it('is never sent when it was queued to be discarded', async () => {
    const { add } = await startApp({ url: server.url() });
    await add({ discard: true });
    await add();
    await eventually(rows, (all) => all.length === 2 && all.every(isDone));
    expect(server.mails).toHaveLength(1);
  });

  it('waits when no replica knows its kind', async () => {
    const { module, queue, add } = await startApp({ url: server.url() });
    const mail = { kind: 'of-the-next-version', subjectId: randomUUID(), recipient: RECIPIENT };
    await module.get(DataSource).transaction((tx) => queue.add(tx, mail));
    await add();
    await eventually(rows, (all) => all.some(isDone));
    expect((await rows()).map((row) => row.attempts).sort()).toEqual([0, 1]);
  });

  it('goes to one address, whatever the address holds', async () => {
    const transport = createTransport({ streamTransport: true, buffer: true });
    for (const recipient of ['jane@example.org, eve@example.org', 'jane@example.org\r\nBcc: eve@example.org']) {
      const mail = { ...content, id: randomUUID(), recipient };
      const { message, envelope } = await transport.sendMail(
        composeMessage({ name: '', address: 'no-reply@example.org' }, mail),
      );
      expect(envelope.to).toHaveLength(1);
      expect((message as Buffer).toString()).not.toMatch(/^Bcc:/m);
    }
  });
});

describe('A mail that the server does not take', () => {
  it('is tried again with growing pauses and the same Message-ID', async () => {
    const seen: Pick<Row, 'last_error' | 'pause'>[] = [];
    const { queue, add } = await startApp({ url: server.url() });
    server.behaviour = 'refuse for now';
    await add();
    for (const [attempt, next] of (['refuse for now', 'cut the connection', 'take'] as const).entries()) {
      seen.push(await eventually(onlyRow, hasFailed(attempt + 1)));
      server.behaviour = next;
      await letPausesPass(queue);
    }
    const { id, last_error, attempts } = await eventually(onlyRow, isDone);
    expect({ attempts, last_error }).toEqual({ attempts: 4, last_error: null });
    expect(messageIds()).toEqual([`<${id}@latchkey.example.org>`]);
    expect(seen.map((row) => row.last_error)).toEqual([
      'EMESSAGE 451 4.2.0',
      'EMESSAGE 451 4.2.0',
      expect.stringMatching(/^(ECONNECTION|ESOCKET ECONNRESET|ESOCKET EPIPE)$/),
    ]);
    for (const [round, { pause }] of seen.entries()) {
      expect(pause).toBeGreaterThan(26 * 2 ** round);
      expect(pause).toBeLessThanOrEqual(30 * 2 ** round);
    }
    expect(log.filter((line) => line.includes('"warn"'))).toHaveLength(3);
  });

  it('is tried again within an hour, however often it failed', async () => {
    const { add, queue } = await startApp({ url: server.url() });
    server.behaviour = 'refuse for now';
    await add();
    await eventually(onlyRow, hasFailed(1));
    await database.query('UPDATE outgoing_mails SET attempts = 100000');
    await letPausesPass(queue);
    const { pause } = await eventually(onlyRow, hasFailed(100_001));
    expect(pause).toBeGreaterThan(3_200);
    expect(pause).toBeLessThanOrEqual(3_600);
  });

  it('is sent after a restart, once the server is there', async () => {
    await server.stop();
    const first = await startApp({ url: server.url() });
    await first.add();
    expect(await eventually(onlyRow, hasFailed(1))).toMatchObject({ last_error: 'ESOCKET ECONNREFUSED' });
    await first.close();
    await server.start();
    await letPausesPass();
    await startApp({ url: server.url() });
    const { id, attempts } = await eventually(onlyRow, isDone);
    expect(attempts).toBe(2);
    expect(messageIds()).toEqual([`<${id}@latchkey.example.org>`]);
  });

  it('is tried again when it could not be rendered', async () => {
    let failures = 1;
    const render = () => (failures-- > 0 ? Promise.reject(new TypeError('no template')) : defaultRenderer(''));
    const { queue, add } = await startApp({ url: server.url(), render });
    await add();
    expect(await eventually(onlyRow, hasFailed(1))).toMatchObject({ last_error: 'TypeError' });
    await letPausesPass(queue);
    await eventually(onlyRow, isDone);
  });
});

describe('The worker', () => {
  it('sends again, with the same Message-ID, what a process was killed over before it could note it', async () => {
    const killed = await startApp({ url: server.url(), diesBeforeMarking: true });
    await killed.add();
    await eventually(
      () => server.mails.length,
      (count) => count === 1,
    );
    await killed.close();
    expect(await onlyRow()).toMatchObject({ done: false, attempts: 1 });
    await letPausesPass();
    await startApp({ url: server.url() });
    const { id } = await eventually(onlyRow, isDone);
    expect(messageIds()).toEqual([`<${id}@latchkey.example.org>`, `<${id}@latchkey.example.org>`]);
  });

  it('shares the queue with other workers: each mail goes out once, and a few at a time', async () => {
    server.behaviour = { takeAfter: 30 };
    const apps = [await startApp({ url: server.url() }), await startApp({ url: server.url() })];
    await Promise.all(apps.flatMap(({ add }) => Array.from({ length: 20 }, () => add())));
    await eventually(rows, (all) => all.every(isDone));
    expect(new Set(messageIds()).size).toBe(40);
    expect(server.mails).toHaveLength(40);
    expect(server.mostAtOnce).toBeGreaterThan(1);
    expect(server.mostAtOnce).toBeLessThanOrEqual(2 * PLACES);
    expect((await rows()).every((row) => row.attempts === 1)).toBe(true);
  });

  it('works through a backlog without waiting for its next poll', async () => {
    await database.query(
      `INSERT INTO outgoing_mails (kind, subject_id, recipient)
       SELECT 'reset', gen_random_uuid(), $1 FROM generate_series(1, 60)`,
      [RECIPIENT],
    );
    await startApp({ url: server.url(), neverPolls: true });
    await eventually(rows, (all) => all.every(isDone));
    expect(server.mails).toHaveLength(60);
  });

  it('finds what another process queued', async () => {
    await startApp({ url: server.url() });
    await database.query(
      `INSERT INTO outgoing_mails (kind, subject_id, recipient) VALUES ('reset', gen_random_uuid(), $1)`,
      [RECIPIENT],
    );
    await eventually(onlyRow, isDone);
  });

  it('lets a mail that is under way arrive when it is told to stop', async () => {
    server.behaviour = { takeAfter: 500 };
    const { add, close } = await startApp({ url: server.url() });
    await add();
    await eventually(
      () => server.mails.length,
      (count) => count === 1,
    );
    await close();
    expect(await onlyRow()).toMatchObject({ done: true, last_error: null });
  });

  it('says once that the database is away, and goes on when it is back', async () => {
    const gate = await new Gate().open(database.connection);
    stops.push(() => gate.shut());
    await startApp({ url: server.url(), connection: gate.connection });
    await gate.shut();
    const news = (text: string) => log.filter((line) => line.includes(text) && line.includes('Mail"')).length;
    await eventually(
      () => news('the database is unavailable'),
      (count) => count === 1,
    );
    await database.query(
      `INSERT INTO outgoing_mails (kind, subject_id, recipient) VALUES ('reset', gen_random_uuid(), $1)`,
      [RECIPIENT],
    );
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    await gate.open(database.connection);
    await eventually(onlyRow, isDone);
    expect([news('the database is unavailable'), news('the database is available again')]).toEqual([1, 1]);
  });

  it('leaves what was done a week ago to the sweeper, and nothing else', async () => {
    const { module } = await startApp({ url: server.url() });
    await database.query(
      `INSERT INTO outgoing_mails (kind, subject_id, recipient, next_attempt_at, created_at, done_at) VALUES
       ('reset', gen_random_uuid(), 'old', now(), now() - interval '9 days', now() - interval '8 days'),
       ('reset', gen_random_uuid(), 'new', now(), now() - interval '9 days', now() - interval '6 days'),
       ('reset', gen_random_uuid(), 'due', now() + interval '1 hour', now() - interval '9 days', NULL)`,
    );
    await module.get(Sweeper).sweep();
    const left = await database.query<{ recipient: string }>('SELECT recipient FROM outgoing_mails ORDER BY recipient');
    expect(left.map((row) => row.recipient)).toEqual(['due', 'new']);
  });
});

describe('SMTP_URL', () => {
  const login = `postman:${PASSWORD}`;
  const trusting = '?tls.rejectUnauthorized=false';

  it('with credentials sends them over STARTTLS', async () => {
    await server.start({ security: 'starttls', password: PASSWORD });
    const { add } = await startApp({ url: server.url({ login, query: trusting }) });
    await add();
    await eventually(onlyRow, isDone);
    expect(server.logins).toEqual([{ user: 'postman', secure: true }]);
    expect(server.mails).toMatchObject([{ secure: true }]);
  });

  it('with smtps: and credentials sends them over implicit TLS', async () => {
    await server.start({ security: 'implicit', password: PASSWORD });
    const { add } = await startApp({ url: server.url({ scheme: 'smtps', login, query: trusting }) });
    await add();
    await eventually(onlyRow, isDone);
    expect(server.logins).toEqual([{ user: 'postman', secure: true }]);
  });

  it('without credentials still uses STARTTLS where it is offered', async () => {
    await server.start({ security: 'starttls' });
    const { add } = await startApp({ url: server.url({ query: trusting }) });
    await add();
    await eventually(onlyRow, isDone);
    expect(server.mails).toMatchObject([{ secure: true }]);
  });

  it.each(['', '?requireTLS=false', '?opportunisticTLS=true'])(
    'with credentials (%s) never sends them in the clear when the server offers no TLS',
    async (query) => {
      await server.start({ password: PASSWORD });
      const { add } = await startApp({ url: server.url({ login, query }) });
      await add();
      expect((await eventually(onlyRow, hasFailed(1))).last_error).toMatch(/^ETLS/);
      expect(server.logins).toEqual([]);
      expect(server.mails).toEqual([]);
    },
  );

  it('with credentials and ignoreTLS=true sends them in the clear, as it says', async () => {
    await server.start({ password: PASSWORD });
    const { add } = await startApp({ url: server.url({ login, query: '?ignoreTLS=true' }) });
    await add();
    await eventually(onlyRow, isDone);
    expect(server.logins).toEqual([{ user: 'postman', secure: false }]);
  });

  it('does not trust a certificate that nobody vouches for', async () => {
    await server.start({ security: 'starttls', password: PASSWORD });
    const { add } = await startApp({ url: server.url({ login }) });
    await add();
    expect((await eventually(onlyRow, hasFailed(1))).last_error).toBe('ESOCKET DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(server.logins).toEqual([]);
  });

  it('with a wrong password fails without telling it', async () => {
    await server.start({ security: 'starttls' });
    const { add } = await startApp({ url: server.url({ login, query: trusting }) });
    await add();
    expect((await eventually(onlyRow, hasFailed(1))).last_error).toBe('EAUTH 535 5.7.8');
  });

  it('cannot have mails printed, and is not told when it is no URL', () => {
    expect(smtpOptions('smtp://localhost?logger=true&debug=true')).toMatchObject({ logger: false, debug: false });
    expect(() => smtpOptions(`smtp://jane:${PASSWORD}@exa<mple`)).toThrow(/^SMTP_URL must be a URL such as (?!.*jane)/);
  });
});

describe('Without SMTP_URL', () => {
  it('a mail becomes a file that only its owner can read, and the log says which', async () => {
    const { add } = await startApp();
    await add();
    const { id } = await eventually(onlyRow, isDone);
    const folder = join(dataDir, 'mail');
    const files = await readdir(folder);
    expect(files).toEqual([expect.stringMatching(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d.-]+Z-${id}\\.eml$`))]);
    const path = join(folder, files[0] ?? '');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(path, 'utf8')).toContain(`Open ${LINK}`);
    expect(log.filter((line) => line.includes(path))).toHaveLength(1);
  });
});

/** A way to the database that can be shut. */
class Gate {
  connection!: PostgresConnection;
  private port = 0;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  async open(to: PostgresConnection): Promise<this> {
    const { host, port } = new pg.Client(to);
    const server = createServer((socket) => {
      const target = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
      for (const [one, other] of [
        [socket, target],
        [target, socket],
      ] as const) {
        this.sockets.add(one);
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
        one.pipe(other);
      }
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as { port: number }).port;
    this.connection = through(to, this.port);
    return this;
  }

  async shut(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await closed;
  }
}

function through(connection: PostgresConnection, port: number): PostgresConnection {
  const { user, password, database: name } = new pg.Client(connection);
  return { host: '127.0.0.1', port, user: user ?? '', password: password ?? '', database: name ?? '' };
}
