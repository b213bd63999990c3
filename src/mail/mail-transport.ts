import type { Mail } from './mail-message.js';

/** A way to send mails. */
export abstract class MailTransport {
  /** @param signal aborts the attempt, which then throws
   * @returns where the mail went, for the log; never the recipient or the content
   * @throws when it was not accepted; see `describeFailure`
   */
  abstract deliver(mail: Mail, signal: AbortSignal): Promise<string>;

  /** Closes connections, and ends deliveries under way. */
  abstract close(): void;
}
