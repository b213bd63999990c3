import { CommanderError, type Command } from 'commander';
import { inCommand } from '../config/current-command.js';
import { ApiError } from '../errors/api-error.js';
import { stoppable, StoppedError } from './stoppable.js';

/** How a command ends, unless a signal stops it (see {@link StoppedError}). docs/command-line.md tells of each. */
export const EXIT = {
  done: 0,
  /** It could not do what it was told. */
  failed: 1,
  /** It was told what it does not know, or what cannot be. */
  usage: 2,
  /** It has done what could be done: some records were refused. */
  refused: 3,
  /** What it was told of does not exist. */
  notFound: 4,
} as const;

/** What a command says when it is done; how it ends, unless {@link EXIT.done}. */
export interface Ending {
  text?: string;
  code?: number;
}

export const JSON_OPTION = ['--json', 'answer in JSON'] as const;

/** What a command was told that cannot be. */
export class UsageError extends Error {}

/** There is nothing of what a command was told of. */
export class NotFoundError extends Error {}

/**
 * The action of a command, which signals stop. It says what came of it, and sets how the process ends.
 *
 * @param run told of the signal, the options and the arguments
 */
export function running<Options extends object>(
  run: (signal: AbortSignal, options: Options, ...args: string[]) => Promise<Ending>,
) {
  return async (...given: (string | Options | Command)[]): Promise<void> => {
    const [options, command] = given.slice(-2) as [Options & { json?: boolean }, Command];
    const args = given.slice(0, -2) as string[];
    try {
      const work = () => stoppable((signal) => run(signal, options, ...args));
      const ending = await inCommand(nameOf(command), work);
      if (ending.text !== undefined) process.stdout.write(ending.text);
      process.exitCode = ending.code ?? EXIT.done;
    } catch (error) {
      // It has said so itself.
      if (error instanceof CommanderError) throw error;
      process.stderr.write(options.json ? jsonOf(error) : textOf(error));
      process.exit(codeOf(error));
    }
  };
}

/** As it is typed, without the program. */
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function codeOf(error: unknown): number {
  if (error instanceof StoppedError) return error.exitCode;
  if (error instanceof NotFoundError) return EXIT.notFound;
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof ApiError)) return EXIT.failed;
  if (error.code === 'not_found') return EXIT.notFound;
  return error.code === 'invalid_params' ? EXIT.usage : EXIT.failed;
}

/** Of what it does not understand, commander says so with a word before it. */
export const messageOf = (error: unknown) =>
  error instanceof CommanderError
    ? error.message.replace(/^error: /, '')
    : error instanceof Error
      ? error.message
      : String(error);

function textOf(error: unknown): string {
  if (!(error instanceof ApiError)) return `${messageOf(error)}\n`;
  const fields = Object.entries(error.details.fields ?? {});
  const lines = fields.flatMap(([name, problems]) => problems.map((problem) => `${name} ${problem}\n`));
  return error.code === 'invalid_params' ? lines.join('') : `${error.message}\n`;
}

/** What `--json` says of a failure. */
export function jsonOf(error: unknown): string {
  const { fields } = error instanceof ApiError ? error.details : {};
  return json({ error: kindOf(error), message: messageOf(error), ...(fields && { errors: fields }) });
}

function kindOf(error: unknown): string {
  if (error instanceof ApiError) return error.code;
  if (error instanceof StoppedError) return 'stopped';
  if (error instanceof NotFoundError) return 'not_found';
  return error instanceof UsageError ? 'usage' : 'failed';
}

/** What `--json` answers. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
