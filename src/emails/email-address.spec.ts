import { describe, expect, it } from '@jest/globals';
import { foldEmail, readEmail, spellingsOf } from './email-address.js';

describe('An email address', () => {
  it.each([
    ['u@bücher.example', 'u@xn--bcher-kva.example'],
    ['u@bu\u0308cher.example', 'u@xn--bcher-kva.example'],
    ['u@XN--BCHER-KVA.Example', 'u@xn--bcher-kva.example'],
    ['u@BÜCHER.example.', 'u@xn--bcher-kva.example'],
    ['u@bücher。example', 'u@xn--bcher-kva.example'],
    ['Fred@BedrockISP.com', 'Fred@bedrockisp.com'],
    ['JOSE\u0301@example.org', 'JOSé@example.org'],
    ['ÀΣ@example.org', 'àσ@example.org'],
    ['νίκος@example.org', 'νίκος@example.org'],
    ['"fred"@example.org', 'fred@example.org'],
    ['"fr\\ed"@example.org', 'fred@example.org'],
    ['"fr ed"@example.org', '"fr ed"@example.org'],
    ['"fr\\ ed"@example.org', '"fr ed"@example.org'],
    ['u@straße.example', 'u@xn--strae-oqa.example'],
  ])('%s is stored as %s', (text, value) => {
    expect(readEmail(text)).toEqual({ value });
    expect(readEmail(value)).toEqual({ value });
  });

  it.each([
    ['a control character', 'u\u0001@example.org'],
    ['a line break in quotes', '"u\r\nBcc: all"@example.org'],
    ['a mark of direction', 'u\u202e@example.org'],
    ['a mark of direction in the domain', 'u@exa\u202emple.org'],
    ['a space without width', 'u\u200bv@example.org'],
    ['a soft hyphen', 'u@exam\u00adple.org'],
    ['a variation selector', 'u\ufe0f@example.org'],
    ['a Hangul filler', '\u3164@example.org'],
    ['a half of a character', 'u\ud800@example.org'],
    ['all subdomains', 'u@*.example.org'],
    ['no domain', 'u@'],
    ['an address for a domain', 'u@127.0.0.1'],
    ['a number for a domain', 'u@0x7f.1'],
    ['nothing before the @', '@example.org'],
    ['a name', 'Fred <fred@example.org>'],
    ['a path', 'fred@example.org/x'],
    [
      'more than 254 characters once its domain is in ASCII',
      `u@${`${'ü'.repeat(50)}.`.repeat(4)}${'é'.repeat(20)}.example`,
    ],
  ])('with %s is none', (_, text) => {
    expect(readEmail(text)).toEqual({ problem: 'must be an email address' });
  });

  it('has one digest in all its spellings, and others have others', () => {
    const one = ['U@bücher.example', 'u@bu\u0308cher.example', 'u@xn--bcher-kva.example', '"u"@BÜCHER.example.'];
    expect(new Set(one.map(foldEmail)).size).toBe(1);
    expect(foldEmail('ος@example.org')).toBe(foldEmail('ΟΣ@example.org'));
    expect(foldEmail('İ@example.org')).toBe(foldEmail('i@example.org'));
    expect(readEmail('İ@example.org')).toEqual({ value: 'İ@example.org' });
    expect(foldEmail('u@straße.example')).not.toBe(foldEmail('u@strasse.example'));
  });

  it('is looked for in the spellings that earlier releases stored', () => {
    expect(spellingsOf('u@xn--bcher-kva.example')).toEqual(
      expect.arrayContaining(['u@xn--bcher-kva.example', 'u@bücher.example', 'u@bu\u0308cher.example']),
    );
    expect(spellingsOf('fred@example.org')).toEqual(['fred@example.org', '"fred"@example.org']);
    for (const asked of ['νίκος@example.org', 'ΝΊΚΟΣ@example.org', 'νίκοσ@example.org']) {
      expect(spellingsOf(asked)).toEqual(expect.arrayContaining(['νίκος@example.org', 'νίκοσ@example.org']));
    }
    expect(spellingsOf('no address')).toEqual(['no address']);
  });
});
