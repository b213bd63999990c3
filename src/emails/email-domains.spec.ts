import { domainToUnicode } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { domainsOver, readEmailDomain } from './email-domains.js';

const NO_DOMAIN = { problem: 'is not a valid domain, such as example.org or *.example.org' };
const LABEL = 'a'.repeat(63);
/** As long as a domain can be (RFC 1035 section 2.3.4). */
const LONGEST = `${LABEL}.${LABEL}.${LABEL}.${'a'.repeat(57)}.org`;

describe('A domain of emails', () => {
  it.each([
    'example.org',
    'a.bc',
    '1.example',
    '123.example.org',
    '1.2.3.example',
    'a-b.example',
    'a--b.example',
    'example.co.uk',
    'mail.lists.books.example.org',
    'xn--bcher-kva.example',
    'example.xn--p1ai',
    'example.x1',
    `${LABEL}.example`,
    LONGEST,
  ])('is kept as it is: %s', (domain) => {
    expect(readEmailDomain(domain)).toEqual({ value: domain });
    expect(readEmailDomain(`*.${domain}`)).toEqual({ value: `*.${domain}` });
  });

  it.each([
    ['EXAMPLE.org', 'example.org'],
    ['Example.ORG.', 'example.org'],
    ['*.Example.ORG.', '*.example.org'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['*.bücher.example', '*.xn--bcher-kva.example'],
    ['faß.example', 'xn--fa-hia.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['президент.рф', 'xn--d1abbgf6aiiy.xn--p1ai'],
    ['\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.org', 'example.org'],
    ['exam\u00adple.org', 'example.org'],
    ['\u212aelvin.example', 'kelvin.example'],
    [`${LONGEST}.`, LONGEST],
  ])('has one spelling: %s is %s', (written, domain) => {
    expect(readEmailDomain(written)).toEqual({ value: domain });
  });

  it.each([
    '',
    ' ',
    '.',
    '*',
    '*.',
    '*..',
    '*.*',
    '**.example.org',
    '*.*.example.org',
    '*example.org',
    'a*.example.org',
    'a.*.example.org',
    'example.*',
    'example.org*',
    '*.*',
    'org',
    'org.',
    '*.org',
    'localhost',
    '.example.org',
    '*..example.org',
    'example..org',
    'example.org..',
    '-a.example',
    'a-.example',
    'a.-b.example',
    'example.-org',
    'example.org-',
    'a_b.example',
    '_dmarc.example.org',
    '@example.org',
    'user@example.org',
    '*@example.org',
    '*.user@example.org',
    'example.org@',
    '192.0.2.1',
    '[192.0.2.1]',
    '0x7f.1',
    '0x7f.0.0.0x1',
    '\uff11\uff19\uff12.0.2.1',
    '2001:db8::1',
    '[2001:db8::1]',
    'example.123',
    'example.0x1f',
    'example.org:25',
    'example.org:',
    'example.org/',
    'example.org/path',
    'example.org\\path',
    'example.org?query',
    'example.org#fragment',
    'example.org\uff0fpath',
    'https://example.org',
    '//example.org',
    'example%2eorg',
    'ex%61mple.org',
    'example.org%00',
    'example.org%',
    'exa mple.org',
    ' example.org',
    'example.org ',
    'example.org\n',
    '\texample.org',
    'example.org\r\nexample.com',
    'example.org\u00a0',
    'example\u3000.org',
    'example.org\u0000',
    'example.org,example.com',
    'example.org;example.com',
    '"example.org"',
    "example.org'",
    'example.org)',
    '<example.org>',
    'a|b.example',
    'a^b.example',
    'a`b.example',
    'a{b}.example',
    'a+b.example',
    'a&b.example',
    'a=b.example',
    'a$b.example',
    'a!b.example',
    'a~b.example',
    'xn--a.example',
    'xn--.example',
    'xn--a-.example',
    'xn--0.example',
    'xn--zzzz.example',
    'a.xn--abc',
    '*.xn--99999.example',
    '\u200d.example',
    '\u00ad.example',
    '\u202eexample.org',
    'example.org\ufffd',
    '\ud800.example',
    `${LABEL}a.example`,
    `a${LONGEST}`,
    `*.a${LONGEST}`,
    'ü'.repeat(60) + '.example',
  ])('is not read from %j', (text) => {
    expect(readEmailDomain(text)).toEqual(NO_DOMAIN);
  });

  it('is not read from long texts, and that quickly', () => {
    // Encoding text of many different characters takes time that grows with its square.
    const characters = Array.from({ length: 200_000 }, (_, index) => 0x4e00 + ((index * 7_919) % 20_000));
    const begun = performance.now();
    for (const text of [
      'a',
      'a.',
      '.',
      '*.',
      'ü',
      'ü.',
      '-',
      '%61',
      'xn--',
      '\u00ad',
      String.fromCodePoint(...characters.slice(0, 50_000)),
    ]) {
      expect(readEmailDomain(text.repeat(100_000 / text.length))).toEqual(NO_DOMAIN);
    }
    expect(readEmailDomain(characters.map((code) => String.fromCodePoint(code)).join(''))).toEqual(NO_DOMAIN);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it('has a spelling that is read as itself, in every script', () => {
    fc.assert(
      fc.property(fc.domain(), fc.boolean(), fc.boolean(), (domain, wildcard, dot) => {
        const expected = `${wildcard ? '*.' : ''}${domain.toLowerCase()}`;
        const written = `${wildcard ? '*.' : ''}${domain}${dot ? '.' : ''}`;
        expect(readEmailDomain(written)).toEqual({ value: expected });
        expect(readEmailDomain(written.toUpperCase())).toEqual({ value: expected });
        expect(readEmailDomain(domainToUnicode(domain))).toEqual({ value: domain.toLowerCase() });
      }),
    );
  });

  it('is ASCII and has nothing but labels, whatever it is read from', () => {
    const pieces = fc.constantFrom(
      'a',
      'b1',
      '-',
      '.',
      '.',
      'ü',
      'ß',
      '例',
      '。',
      '*',
      '*.',
      '@',
      '%',
      '/',
      ':',
      '_',
      ' ',
      'xn--',
      '\u0301',
      'org',
      '1',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (written) => {
        const reading = readEmailDomain(written);
        if ('problem' in reading) {
          expect(reading).toEqual(NO_DOMAIN);
          return;
        }
        expect(reading.value).toMatch(/^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        expect(reading.value.length).toBeLessThanOrEqual(255);
        expect(readEmailDomain(reading.value)).toEqual(reading);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('The domains over an email', () => {
  it.each([
    ['a@example.org', ['example.org', '*.org']],
    ['a@mail.example.org', ['mail.example.org', '*.example.org', '*.org']],
    ['a@x.y.example.org', ['x.y.example.org', '*.y.example.org', '*.example.org', '*.org']],
    ['A@EXAMPLE.ORG', ['example.org', '*.org']],
    ['a@bücher.example', ['xn--bcher-kva.example', '*.example']],
    ['"a@b.example"@example.org', ['example.org', '*.org']],
  ])('are its own and those that cover it, the most specific one first: %s', (email, domains) => {
    expect(domainsOver(email)).toEqual(domains);
  });

  it.each(['a@localhost', 'a@192.0.2.1', 'a@[192.0.2.1]', 'a@', 'a', '', 'a@example.org/path'])(
    'are none where there is no domain: %j',
    (email) => {
      expect(domainsOver(email)).toEqual([]);
    },
  );

  it('hold every entry that covers it, and no other', () => {
    const label = fc.constantFrom('a', 'b', 'org');
    const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => `${labels.join('.')}.org`);
    fc.assert(
      fc.property(domain, domain, (visitor, entry) => {
        const found = domainsOver(`someone@${visitor}`);
        expect(found.includes(entry)).toBe(visitor === entry);
        expect(found.includes(`*.${entry}`)).toBe(visitor.endsWith(`.${entry}`));
      }),
      { numRuns: 500 },
    );
  });
});
