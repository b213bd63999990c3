/** The log of the supervisor and of PostgreSQL. */
export interface SupervisorLog {
  info(msg: string): void;
  warn(msg: string): void;
  error(msg: string): void;
}

type Level = keyof SupervisorLog;

const SEVERITY = /^(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): +/;
/** Sent to every client at a shutdown and after a crash: expected, and not an error. */
const EXPECTED = /terminating connection due to administrator command|the database system is |is not yet accepting/;
/** Logged at the level LOG, although they need attention. */
const NOTEWORTHY = /was terminated by signal|server process .* exited with|was interrupted|not properly shut down/;

/** Turns the lines of PostgreSQL's stderr into log entries of the right level, and remembers the last ones. */
export class ServerLog {
  /** When PostgreSQL last printed something, in milliseconds since 1970. */
  lastWordAt = Date.now();
  private readonly recent: string[] = [];
  private level: Level = 'info';

  constructor(private readonly log: SupervisorLog) {}

  /** Adds one line, without its line break. */
  add(line: string): void {
    if (line.trim() === '') return;
    this.lastWordAt = Date.now();
    this.recent.push(line);
    if (this.recent.length > 20) this.recent.shift();
    // A line without a severity continues the previous entry.
    const severity = SEVERITY.exec(line)?.[1];
    if (severity !== undefined) this.level = levelOf(severity, line);
    this.log[this.level](`PostgreSQL: ${line.replace(SEVERITY, '').trim()}`);
  }

  /** The last lines, for error messages. */
  tail(): string {
    return this.recent.length === 0 ? '(nothing)' : this.recent.join('\n');
  }

  /** Whether one of the last lines contains `text`. */
  said(text: string): boolean {
    return this.recent.some((line) => line.includes(text));
  }
}

function levelOf(severity: string, line: string): Level {
  if (/ERROR|FATAL|PANIC/.test(severity)) return EXPECTED.test(line) ? 'info' : 'error';
  if (severity === 'WARNING') return 'warn';
  return NOTEWORTHY.test(line) ? 'warn' : 'info';
}
