import { Worker } from 'node:worker_threads';
import { Logger } from '@nestjs/common';
import { unavailable } from '../errors/api-error.js';
import { readForeignHash } from './foreign-hashes.js';
import type { StoredHash } from './password-hashes.js';

/** What a thread is told: to make a hash, or to compare a password with one. */
type Job =
  | { password: string; salt: string | number }
  | { password: string; hash: string }
  | { password: string; foreign: ReturnType<typeof readForeignHash> };

/**
 * Argon2's package aborts the process when a thread is ended in which it hashes, so it is called from here. It hashes on libuv's threads, of
 * which there are four, and others need some.
 */
const MOST_ARGON2 = 2;

/**
 * Hashing on threads of its own: libuv's, which look up names, read files and sign tokens, are never taken up by it. Whoever
 * calls it keeps to so many jobs at once as there are to be threads.
 */
export class HashingThreads {
  private readonly logger = new Logger('HashingThreads');
  private readonly idle: Worker[] = [];
  private readonly all = new Set<Worker>();
  private readonly argon2 = new Set<Promise<void>>();

  /** @param salt with the cost; or only the cost */
  hash(password: string, salt: string | number): Promise<string> {
    return this.give<string>({ password, salt });
  }

  compare(password: string, { scheme, encoded }: Pick<StoredHash, 'scheme' | 'encoded'>): Promise<boolean> {
    if (scheme === 'bcrypt') return this.give<boolean>({ password, hash: encoded });
    if (scheme === 'argon2id') return this.withArgon2(() => verifyArgon2(encoded, password));
    return this.give<boolean>({ password, foreign: readForeignHash(encoded) });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all].map((worker) => worker.terminate()));
  }

  /** Starts a thread, unless one is idle: so that what follows takes as long as it takes, and no longer. */
  async ready(): Promise<void> {
    if (this.idle.length === 0) this.idle.push(await this.start());
  }

  private async withArgon2<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.argon2.size >= MOST_ARGON2) await Promise.race(this.argon2);
    const job = work();
    const ended = job.then(
      () => undefined,
      () => undefined,
    );
    this.argon2.add(ended);
    void ended.then(() => this.argon2.delete(ended));
    return job;
  }

  private async give<Result>(job: Job): Promise<Result> {
    const worker = this.idle.pop() ?? (await this.start());
    worker.postMessage(job);
    const result = await answerOf<Result>(worker);
    this.idle.push(worker);
    return result;
  }

  private async start(): Promise<Worker> {
    const worker = new Worker(new URL('./hashing-worker.js', import.meta.url));
    this.all.add(worker);
    // Its end follows, and fails the job.
    worker.on('error', ({ message }) => {
      this.logger.error(`A thread that hashes passwords has failed: ${message}`);
    });
    worker.once('exit', () => {
      this.all.delete(worker);
      if (this.idle.includes(worker)) this.idle.splice(this.idle.indexOf(worker), 1);
    });
    await answerOf(worker);
    return worker;
  }
}

/** The package is loaded when the first such hash is met: most databases have none. */
async function verifyArgon2(encoded: string, password: string): Promise<boolean> {
  const { default: argon2 } = await import('argon2');
  return argon2.verify(encoded, Buffer.from(password));
}

/** The next thing that a thread says. While it has nothing to say, it keeps no process alive. */
function answerOf<Answer>(worker: Worker): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (): void => {
      reject(unavailable('The service is temporarily unavailable. Try again later.', 1));
    };
    worker.ref();
    worker.once('exit', ended);
    worker.once('message', (answer: Answer) => {
      worker.off('exit', ended);
      worker.unref();
      resolve(answer);
    });
  });
}
