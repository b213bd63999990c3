import { EntityManager } from 'typeorm';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import { DATABASE_ACCESS, type DatabaseAccess } from '../../src/database/connection.js';
import { Exports, type ExportCounts } from '../../src/exports/exports.service.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import type { TestServer } from './server.js';

/** What the command exports with, on the database of a server. */
export const exportsOf = ({ app }: TestServer) =>
  new Exports(app.get<DatabaseAccess>(DATABASE_ACCESS), app.get(EntityManager), app.get(AuditLog), app.get(SecretKeys));

/** @param during is called before each part is taken */
export async function exportAll(
  server: TestServer,
  during: () => Promise<unknown> = () => Promise.resolve(),
): Promise<{ text: string; records: Record<string, any>[]; counts: ExportCounts }> {
  let text = '';
  const write = async (part: string) => {
    await during();
    text += part;
  };
  const counts = await exportsOf(server).writeAll(write, new AbortController().signal, () => undefined);
  const records = text.split('\n').filter((line) => line !== '');
  return { text, counts, records: records.map((line) => JSON.parse(line) as Record<string, any>) };
}

export async function exportAccount(
  server: TestServer,
  named: string,
): Promise<{ text: string; parts: Record<string, any> }> {
  let text = '';
  const write = (part: string) => Promise.resolve(void (text += part));
  await exportsOf(server).writeAccount(named, write, new AbortController().signal);
  return { text, parts: JSON.parse(text) as Record<string, any> };
}
