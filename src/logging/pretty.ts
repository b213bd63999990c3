import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';

/** Formats log lines for a terminal. */
export function pretty(output: DestinationStream): DestinationStream {
  const format = prettyFactory({ translateTime: 'SYS:HH:MM:ss', ignore: 'context', singleLine: true });
  return {
    write: (line) => {
      output.write(format(line));
    },
  };
}
