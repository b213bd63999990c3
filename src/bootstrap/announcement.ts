import type { Config } from '../config/config.js';
import { addressOfDocs } from '../config/doors.js';
import { textsIn } from '../messages/texts.js';
import type { FirstCredentials } from './bootstrap.service.js';

const LABEL = 22;

/** The first credentials as text, for the terminal and for bootstrap.txt. */
export function announce(config: Config, credentials: FirstCredentials): string {
  const { publicUrl, initialPasswordTtl: lifetime } = config;
  const { adminEmail, adminPassword, appToken, clientId, clientSecret } = credentials;
  const lines: [label: string, value: string | undefined][] = [
    ['API', publicUrl],
    ['Swagger UI', addressOfDocs(config)],
    ['Admin email', adminEmail],
    ['Admin password', adminPassword],
    [
      'Password is good for',
      adminPassword && lifetime > 0 ? `${textsIn('en').duration(lifetime)}, to choose another one` : undefined,
    ],
    ['App-Token', appToken],
    ['OAuth2 client id', clientId],
    ['OAuth2 client secret', clientSecret],
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([label, value]) => `${label.padEnd(LABEL)}${value ?? ''}\n`)
    .join('');
}

/** @returns the earlier text, with the lines that have the same label replaced by the new ones */
export function updateAnnouncement(earlier: string, now: string): string {
  const lines = `${earlier}${now}`.split('\n').filter((line) => line !== '');
  return [...new Map(lines.map((line) => [line.slice(0, LABEL), `${line}\n`])).values()].join('');
}
