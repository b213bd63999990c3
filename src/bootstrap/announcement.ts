import type { FirstCredentials } from './bootstrap.service.js';

const LABEL = 22;

/** What a person is told once, on paper or on a terminal. */
export function announce(publicUrl: string, credentials: FirstCredentials): string {
  const { adminEmail, adminPassword, appToken, clientId, clientSecret } = credentials;
  const lines: [label: string, value: string | undefined][] = [
    ['API', publicUrl],
    ['Swagger UI', `${publicUrl}/docs`],
    ['Admin email', adminEmail],
    ['Admin password', adminPassword],
    ['App-Token', appToken],
    ['OAuth2 client id', clientId],
    ['OAuth2 client secret', clientSecret],
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([label, value]) => `${label.padEnd(LABEL)}${value ?? ''}\n`)
    .join('');
}

/** @returns what was announced earlier, with what is announced now in the place of what it replaces */
export function updateAnnouncement(earlier: string, now: string): string {
  const lines = `${earlier}${now}`.split('\n').filter((line) => line !== '');
  return [...new Map(lines.map((line) => [line.slice(0, LABEL), `${line}\n`])).values()].join('');
}
