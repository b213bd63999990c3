import { symbols, type Logger } from 'pino';
import type { SecretField } from './logger.js';

/** The parts of a logger that make its lines. */
interface LineMaker {
  [symbols.lsCacheSym]: Record<number, string>;
  [symbols.chindingsSym]: string;
  [symbols.asJsonSym]: (this: LineMaker, fields: object, message: string, level: number, time: string) => string;
}

/** Whatever needs neither a serializer nor the list of secrets. */
type PlainFields = Record<string, string | number | null | undefined> & Partial<Record<SecretField, never>>;

export interface PlainLog {
  debug(fields: PlainFields, message: string): void;
  info(fields: PlainFields, message: string): void;
}

/**
 * For lines that are many. Pino looks, for each field, for a serializer, a redaction and what to escape: a third of what a line takes.
 *
 * @returns what writes the same lines as the logger itself
 */
export function plainLines(parent: Logger): PlainLog {
  const child = parent.child({});
  (child as unknown as LineMaker)[symbols.asJsonSym] = asJson;
  return child;
}

function asJson(this: LineMaker, fields: object, message: string, level: number, time: string): string {
  const own = JSON.stringify(fields).slice(1, -1);
  const begin = `${this[symbols.lsCacheSym][level]}${time}${this[symbols.chindingsSym]}`;
  return `${begin}${own === '' ? '' : `,${own}`},"msg":${JSON.stringify(message)}}\n`;
}
