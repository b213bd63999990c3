/** Where the supervisor and PostgreSQL write what they have to say. */
export interface SupervisorLog {
  info(msg: string): void;
  warn(msg: string): void;
  error(msg: string): void;
}

type Level = keyof SupervisorLog;

const SEVERITY = /^(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC): +/;
/** Said to every client at a stop and after a crash: expected, and no failure of the server. */
const EXPECTED = /terminating connection due to administrator command|the database system is |is not yet accepting/;
/** Said at level LOG, although somebody should look. */
const NOTEWORTHY = /was terminated by signal|server process .* exited with|was interrupted|not properly shut down/;

/** Turns the lines of PostgreSQL's stderr into log entries of the right level, and remembers the last ones. */
export class ServerLog {
  /** When PostgreSQL last said something, in milliseconds since 1970. */
  lastWordAt = Date.now();
  private readonly recent: string[] = [];
  private level: Level = 'info';

  constructor(private readonly log: SupervisorLog) {}

  /** Takes one line, without its end. */
  add(line: string): void {
    if (line.trim() === '') return;
    this.lastWordAt = Date.now();
    this.recent.push(line);
    if (this.recent.length > 20) this.recent.shift();
    // A line without a severity goes on with the entry before it.
    const severity = SEVERITY.exec(line)?.[1];
    if (severity !== undefined) this.level = levelOf(severity, line);
    this.log[this.level](`PostgreSQL: ${line.replace(SEVERITY, '').trim()}`);
  }

  /** The last lines, for the message of an error. */
  tail(): string {
    return this.recent.length === 0 ? '(nothing)' : this.recent.join('\n');
  }

  /** Whether one of the last lines says `text`. */
  said(text: string): boolean {
    return this.recent.some((line) => line.includes(text));
  }
}

function levelOf(severity: string, line: string): Level {
  if (/ERROR|FATAL|PANIC/.test(severity)) return EXPECTED.test(line) ? 'info' : 'error';
  if (severity === 'WARNING') return 'warn';
  return NOTEWORTHY.test(line) ? 'warn' : 'info';
}
