import type { Mail } from './mail-message.js';

/** The way that mails leave by. */
export abstract class MailTransport {
  /**
   * @param signal ends the attempt, which then throws
   * @returns for the log, where the mail went; never the recipient or what the mail says
   * @throws when it was not accepted; see `describeFailure`
   */
  abstract deliver(mail: Mail, signal: AbortSignal): Promise<string>;

  /** Ends what is still under way. */
  abstract close(): void;
}
