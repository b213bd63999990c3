import type { FirstCredentials } from './bootstrap.service.js';

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
    .map(([label, value]) => `${label.padEnd(22)}${value ?? ''}\n`)
    .join('');
}
