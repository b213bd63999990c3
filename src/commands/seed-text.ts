import type { Config } from '../config/config.js';
import { addressOfDocs } from '../config/doors.js';
import * as data from './seed-data.js';
import type { Seeded } from './seeder.js';

/** The same width as in bootstrap.txt. */
const LABEL = 22;

/** The seeded credentials and networks, one per line. */
export function describeSeed(config: Config, made: Seeded): string {
  const docs = addressOfDocs(config);
  const lines: [label: string, value: string][] = [
    ['API', config.publicUrl],
    ...(docs === undefined ? [] : [['Swagger UI', docs] as [string, string]]),
    ...data.PEOPLE.map(({ email }): [string, string] => ['Person', email]),
    ['Password of everyone', made.password],
    ['App-Token', made.appToken],
    ['Token', made.userToken],
    ['App-Token (frontend)', made.frontendAppToken],
    ['API token', made.apiToken],
    ...made.clients.map(({ id, secret }): [string, string] => [`${id} secret`, secret]),
    ...data.ORGANISATIONS.flatMap(({ name, networks }) => networks.map((network): [string, string] => [network, name])),
  ];
  return lines.map(([label, value]) => `${label.padEnd(LABEL)}${value}\n`).join('');
}

/** How much was seeded, in words. */
export function countSeed(): string {
  const networks = data.ORGANISATIONS.flatMap((one) => one.networks).length;
  return (
    `${data.ORGANISATIONS.length} organisations with ${networks} networks, ${data.PEOPLE.length} people, ` +
    `${data.CLIENTS.length} OAuth2 clients, 2 App-Tokens, 3 user tokens, ${data.API_TOKENS.length} API tokens ` +
    `and ${data.VISITORS.length} identifications`
  );
}
