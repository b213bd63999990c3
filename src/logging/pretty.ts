import type { DestinationStream } from 'pino';
import { PinoPretty } from 'pino-pretty';

/** Log lines for people, on standard output. */
export function pretty(): DestinationStream {
  return PinoPretty({ sync: true, translateTime: 'SYS:HH:MM:ss', ignore: 'context', singleLine: true });
}
