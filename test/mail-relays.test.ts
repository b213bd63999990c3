import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Metrics } from '../src/metrics/metrics.service.js';
import { PLACES } from '../src/mail/domain-shares.js';
import { SmtpTransport } from '../src/mail/smtp-transport.js';
import type { Reply } from './support/mail-server.js';
import {
  content,
  database,
  eventually,
  hasFailed,
  isDone,
  letPausesPass,
  onlyRow,
  RECIPIENT,
  rows,
  SECRET,
  server,
  startApp,
  stops,
  useMail,
} from './support/mail.js';

useMail();

interface Event {
  kind: string;
  outcome: string;
  subject: string;
  details: Record<string, unknown>;
  email: string | null;
}

async function eventsOn(subject: string): Promise<Event[]> {
  return database.query<Event>(
    `SELECT kind, outcome, subject, details, email FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
     WHERE subject = $1`,
    [subject],
  );
}

async function refused(app: Awaited<ReturnType<typeof startApp>>, reason: string): Promise<number> {
  const text = await app.module.get(Metrics).read();
  return Number(new RegExp(`^latchkey_mails_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

const at =
  (to: Reply['to']) =>
  ([code, text]: [number, string]): Reply => ({ to, code, text });

describe('A mail that is refused for good', () => {
  const atRcpt = [
    [550, `5.1.1 <${RECIPIENT}>: no such user`],
    [553, `5.1.3 <${RECIPIENT}> is no address`],
    [554, '5.7.1 Relay access denied'],
    [551, 'User not local'],
    [556, '5.1.10 The domain takes no mail'],
    [501, '5.1.3 Bad address'],
    [504, '5.5.2 A whole domain is needed'],
  ] as [number, string][];
  const atData = [
    [550, `5.7.1 ${SECRET} looks like spam`],
    [552, '5.3.4 Too big'],
    [554, '5.6.0 Not this'],
  ] as [number, string][];

  it.each<[string, Reply]>([
    ...atRcpt.map(at('RCPT')).map((reply) => ['recipient', reply] as [string, Reply]),
    ...atData.map(at('DATA')).map((reply) => ['message', reply] as [string, Reply]),
  ])('ends at once, is counted and is in the audit log: %s by %j', async (reason, reply) => {
    const app = await startApp({ url: server.url() });
    server.reply = reply;
    await app.add();
    const { id, attempts, last_error } = await eventually(onlyRow, isDone);
    expect(attempts).toBe(1);
    expect(last_error).toMatch(new RegExp(`^E(ENVELOPE|MESSAGE) ${reply.code}( 5\\.\\d+\\.\\d+)?$`));
    await eventually(
      () => refused(app, reason),
      (count) => count === 1,
    );
    const details = { kind: 'reset', reason, failure: last_error };
    expect(await eventsOn(id)).toEqual([
      { kind: 'mail.refused', outcome: 'failure', subject: id, details, email: RECIPIENT },
    ]);
    server.reply = undefined;
    await letPausesPass(app.queue);
    await app.add();
    await eventually(rows, (each) => each.every(isDone));
    expect(server.mails).toHaveLength(1);
  });

  it('ends when its recipient cannot stand in a command', async () => {
    const app = await startApp({ url: server.url() });
    await app.add({ recipient: 'jane<doe@example.org' });
    await eventually(
      () => refused(app, 'recipient'),
      (count) => count === 1,
    );
    expect((await onlyRow()).done).toBe(true);
  });

  it('ends when its recipient needs SMTPUTF8 and the mail server has none', async () => {
    const raw = await rawServer((line) => {
      if (/^RCPT TO:.*[^\x00-\x7f]/i.test(line)) return '501 5.1.3 Bad recipient address syntax';
      return line.startsWith('EHLO') ? '250 no extensions' : '250 ok';
    });
    const app = await startApp({ url: raw.url });
    await app.add({ recipient: 'jané@example.org' });
    await eventually(onlyRow, isDone);
    expect(await refused(app, 'recipient')).toBe(1);
  });

  it('is not ended without its event in the audit log', async () => {
    const app = await startApp({ url: server.url() });
    server.reply = { to: 'RCPT', code: 550, text: 'no' };
    await database.query('ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (false) NOT VALID');
    try {
      await app.add();
      await eventually(onlyRow, ({ attempts, done }) => attempts === 1 && !done);
      await eventually(
        () => app.logged('the outcome could not be stored'),
        (count) => count === 1,
      );
    } finally {
      await database.query('ALTER TABLE audit_events DROP CONSTRAINT full_up');
    }
    expect(await onlyRow()).toMatchObject({ done: false });
    await letPausesPass(app.queue);
    await eventually(onlyRow, isDone);
    expect(await refused(app, 'recipient')).toBe(1);
  });
});

describe('A mail is tried again', () => {
  it.each<Reply>([
    { to: 'RCPT', code: 450, text: '4.2.1 Greylisted' },
    { to: 'RCPT', code: 452, text: '4.2.2 Over quota' },
    { to: 'RCPT', code: 552, text: '5.2.2 Mailbox full' },
    { to: 'DATA', code: 552, text: '5.2.2 Over quota' },
    { to: 'DATA', code: 451, text: '4.3.0 Not now' },
    { to: 'MAIL', code: 550, text: '5.7.1 This sender may not' },
    { to: 'MAIL', code: 553, text: '5.1.8 Unknown sender' },
    { to: 'RCPT', code: 530, text: '5.7.0 Authentication required' },
    { to: 'RCPT', code: 503, text: '5.5.1 Bad sequence of commands' },
  ])('when the mail server answers %j', async (reply) => {
    const app = await startApp({ url: server.url() });
    server.reply = reply;
    await app.add();
    expect(await eventually(onlyRow, hasFailed(1))).toMatchObject({ done: false });
    server.reply = undefined;
    await letPausesPass(app.queue);
    await eventually(onlyRow, isDone);
    expect(server.mails).toHaveLength(1);
    expect([await refused(app, 'recipient'), await refused(app, 'message')]).toEqual([0, 0]);
  });

  it('when the mail server greets with 554', async () => {
    const raw = await rawServer(() => '250 ok', '554 5.3.2 No service here');
    const app = await startApp({ url: raw.url });
    await app.add();
    expect(await eventually(onlyRow, hasFailed(1))).toMatchObject({ done: false });
    expect(await refused(app, 'recipient')).toBe(0);
  });

  it('when the mail server takes all of it and hangs up before it says so', async () => {
    const app = await startApp({ url: server.url() });
    server.behaviour = 'cut the connection';
    await app.add();
    expect(await eventually(onlyRow, hasFailed(1))).toMatchObject({ done: false });
  });
});

describe('A mail server that never answers about one domain', () => {
  it('holds one connection of each process, and mails to other domains go at once', async () => {
    server.silentAbout.add('silent.example');
    const url = server.url({ query: '?socketTimeout=24000' });
    const apps = [await startApp({ url }), await startApp({ url })] as const;
    for (let each = 0; each < 15; each++) await apps[0].add({ recipient: `r${each}@silent.example` });
    await eventually(
      () => server.unanswered.length,
      (count) => count === 2,
    );
    for (let each = 0; each < 10; each++)
      await apps[each % 2 === 0 ? 0 : 1].add({ recipient: `r${each}@Good.example` });
    await eventually(
      () => server.mails.length,
      (count) => count === 10,
    );
    // All of this happened while the first two were waiting for their answer.
    expect([server.unanswered.length, server.heldNow, server.mostHeld]).toEqual([2, 2, 2]);
    await server.stop();
  });

  it('holds no more of them when it is silent about many', async () => {
    const app = await startApp({ url: server.url({ query: '?socketTimeout=300' }) });
    const silent = Array.from({ length: 2 * PLACES }, (_, each) => `silent${each}.example`);
    for (const domain of silent) {
      server.silentAbout.add(domain);
      await app.add({ recipient: `jane@${domain}` });
    }
    const all = await eventually(rows, (each) => each.every((row) => row.last_error !== null));
    expect(all.every((row) => !row.done && row.last_error?.includes('ETIMEDOUT'))).toBe(true);
    await eventually(
      () => server.heldNow,
      (count) => count === 0,
    );
    server.mostHeld = 0;
    await letPausesPass(app.queue);
    await app.add({ recipient: 'jane@good.example' });
    await eventually(rows, (each) => each.every((row) => row.done || row.last_error !== null));
    expect(server.mails).toHaveLength(1);
    expect(server.mostHeld).toBeLessThanOrEqual(2);
  });

  it('holds one for all subdomains of a domain, and leaves two to domains that answer when it is silent about many', async () => {
    const app = await startApp({ url: server.url({ query: '?socketTimeout=24000' }) });
    const silence = async (domains: string[]) => {
      for (const domain of domains) {
        server.silentAbout.add(domain);
        await app.add({ recipient: `jane@${domain}` });
      }
    };
    const delivered = async (recipient: string, count: number) => {
      await app.add({ recipient });
      await eventually(
        () => server.mails.length,
        (length) => length === count,
      );
    };
    await silence(Array.from({ length: 15 }, (_, each) => `s${each}.evil.example`));
    await eventually(
      () => server.heldNow,
      (count) => count === 1,
    );
    // Nobody has heard of this one either.
    await delivered('jane@good.example', 1);
    expect(server.mostHeld).toBe(1);

    await silence(Array.from({ length: 10 }, (_, each) => `silent${each}.example`));
    await eventually(
      () => server.heldNow,
      (count) => count === 3,
    );
    await delivered('jane@good.example', 2);
    expect([server.heldNow, server.mostHeld]).toEqual([3, 3]);
    await server.stop();
  });

  it('is left when it has been told how long to wait, even if it says something now and then', async () => {
    let closed = 0;
    const raw = await rawServer((line, socket) => {
      if (!line.startsWith('RCPT')) return '250 ok';
      const timer = setInterval(() => socket.write('250-a moment\r\n'), 10);
      socket.on('close', () => {
        clearInterval(timer);
        closed += 1;
      });
      return undefined;
    });
    const transport = new SmtpTransport(raw.url, { name: '', address: 'no-reply@example.org' }, 1);
    stops.push(() => {
      transport.close();
      return Promise.resolve();
    });
    const mail = { ...content, id: 'a', recipient: RECIPIENT };
    await expect(transport.deliver(mail, AbortSignal.timeout(300))).rejects.toThrow();
    await eventually(
      () => closed,
      (count) => count === 1,
    );
  });
});

describe('MAIL_FROM', () => {
  const ID = '[0-9a-f-]{36}';
  const GROSS = 'xn--gre-6ka8i.example';

  it.each([
    ['Größe AG <post@größe.example>', `=?UTF-8?Q?Gr=C3=B6=C3=9Fe_AG?= <post@${GROSS}>`, GROSS],
    ['post@größe.example', `post@${GROSS}`, GROSS],
    ['Latchkey: Accounts <a@b.example>', '"Latchkey: Accounts" <a@b.example>', 'b.example'],
    ['Example, Inc. <a@b.example>', '"Example, Inc." <a@b.example>', 'b.example'],
    ['"Example, Inc." <a@b.example>', '"Example, Inc." <a@b.example>', 'b.example'],
    ['The "best" \\o/ <a@b.example>', '"The \\"best\\" \\\\o/" <a@b.example>', 'b.example'],
    ['"The \\"best\\" one" <a@b.example>', '"The \\"best\\" one" <a@b.example>', 'b.example'],
    ['me@home; you@work <a@b.example>', '"me@home; you@work" <a@b.example>', 'b.example'],
    ['Mail (automatic) <a@b.example>', '"Mail (automatic)" <a@b.example>', 'b.example'],
    [
      'Konto: "Größe", 日本 <a@b.example>',
      /^=\?UTF-8\?[BQ]\?[^ ?:,"]+\?=(?: =\?UTF-8\?[BQ]\?[^ ?:,"]+\?=)* <a@b\.example>$/,
      'b.example',
    ],
    ['<a@B.Example>', 'a@b.example', 'b.example'],
    ['Here <a@[127.0.0.1]>', 'Here <a@[127.0.0.1]>', '[127.0.0.1]'],
  ])('%s reaches the mail server as a valid From and Message-ID', async (from, header, domain) => {
    const { add } = await startApp({ url: server.url(), from });
    await add();
    await eventually(onlyRow, isDone);
    const [mail] = server.mails;
    const raw = mail?.raw.replace(/\r\n[ \t]+/g, ' ') ?? '';
    const line = /^From: (.*)\r$/m.exec(raw)?.[1];
    if (typeof header === 'string') expect(line).toBe(header);
    else expect(line).toMatch(header);
    const id = /^Message-ID: (.*)\r$/m.exec(raw)?.[1];
    expect(id).toMatch(new RegExp(`^<${ID}@${domain.replace(/[.[\]]/g, '\\$&')}>$`));
    expect(raw).not.toMatch(/[^\x00-\x7f]/);
  });

  it('at an internationalised domain is the sender in ASCII', async () => {
    const lines: string[] = [];
    const raw = await rawServer((line) => {
      lines.push(line);
      return line === 'DATA' ? '354 go on' : line === '.' || /^[A-Z]{4}/.test(line) ? '250 ok' : undefined;
    });
    const { add } = await startApp({ url: raw.url, from: 'Größe AG <post@größe.example>' });
    await add();
    await eventually(onlyRow, isDone);
    expect(lines.filter((line) => line.startsWith('MAIL'))).toEqual([`MAIL FROM:<post@${GROSS}>`]);
  });
});

/** A mail server of a few lines, which says what it likes. */
async function rawServer(
  answer: (line: string, socket: Socket) => string | undefined,
  greeting = '220 raw',
): Promise<{ url: string }> {
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${greeting}\r\n`);
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').filter(Boolean)) {
        const reply = answer(line, socket);
        if (reply !== undefined) socket.write(`${reply}\r\n`);
      }
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stops.unshift(async () => {
    listener.close();
    await once(listener, 'close');
  });
  return { url: `smtp://127.0.0.1:${(listener.address() as AddressInfo).port}` };
}
