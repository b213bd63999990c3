import { domainToASCII, domainToUnicode } from 'node:url';

/**
 * @param name letters, digits, hyphens and dots of any script
 * @returns the domain in lower case and in ASCII, with A-labels (RFC 5890); empty: it has none
 */
export function asciiDomain(name: string): string {
  const ascii = domainToASCII(name);
  return ascii.split('.').every(isLabel) ? ascii : '';
}

/** What begins with `xn--` has to encode something (RFC 5890 section 2.3.2.1). Node.js 24 takes it as it is where all is ASCII. */
function isLabel(label: string): boolean {
  if (!label.startsWith('xn--')) return true;
  const decoded = domainToUnicode(label);
  return decoded !== label && domainToASCII(decoded) === label;
}
