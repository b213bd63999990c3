import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { RUNS_BACKGROUND_JOBS } from '../config/config.module.js';
import { CONFIG, type Config } from '../config/config.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { RepeatedWork } from '../database/repeated-work.js';
import { Metrics } from '../metrics/metrics.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import { bitsOf, PUBLISHED_FOR, type SigningKey } from './key-ring.js';
import { SecretKeyUses } from './secret-key-uses.service.js';
import { detailsOf, SigningKeys } from './signing-keys.service.js';
import { SigningKeyStore, type NewKey } from './signing-keys.store.js';

/** What a rotation has done, if it did anything. */
export interface Rotation {
  /** `published`: a new key will sign; `signing`: one signs from now on; `unchanged`: a new one was published before. */
  outcome: 'published' | 'signing' | 'unchanged';
  /** The key that signs next, or now. */
  key: SigningKey;
  /** Those that were ended, with all that they have signed. */
  ended: string[];
}

/** Why a key is replaced: its age, or what new ones have is not what it has. */
type Reason = 'age' | 'algorithm' | 'length' | 'compromised';

/** Who has a key made, and why. */
interface Why {
  by: 'schedule' | 'command';
  reason?: Reason;
}

/** How often it is looked whether something is due, in milliseconds. */
const MINUTE = 60_000;
const DAY = 86_400;

/**
 * The life of signing keys: published, then signing, then retiring, then gone. Whichever replica comes first takes each step;
 * that a key signs needs none.
 */
@Injectable()
export class KeyRotation implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('KeyRotation');
  private readonly inBackground = new RepeatedWork(
    {
      firstAfter: MINUTE,
      every: MINUTE,
      rest: 0,
      logger: this.logger,
      failed: 'maintaining the signing keys failed; it will be retried',
    },
    () => this.look(),
  );

  constructor(
    @Inject(RUNS_BACKGROUND_JOBS) private readonly runsBackgroundJobs: boolean,
    @Inject(CONFIG) private readonly config: Config,
    private readonly keys: SigningKeys,
    private readonly store: SigningKeyStore,
    private readonly secretKeyUses: SecretKeyUses,
    private readonly revocations: Revocations,
    private readonly clock: DatabaseClock,
    private readonly audit: AuditLog,
    metrics: Metrics,
  ) {
    const show = (name: string, help: string, value: () => number | undefined) => {
      const values = () => [value()].filter((one) => one !== undefined).map((one) => ({ labels: {}, value: one }));
      metrics.show({ name, help, type: 'gauge', aggregator: 'max', values });
    };
    show('latchkey_signing_key_age_seconds', 'For how long the key that signs sessions has signed, in seconds.', () =>
      this.keys.age(),
    );
    show(
      'latchkey_signing_key_max_age_seconds',
      'For how long a key is to sign, in seconds (KEY_ROTATION_DAYS); 0: it is not replaced on schedule.',
      () => config.keyRotationDays * DAY,
    );
  }

  onApplicationBootstrap(): void {
    if (this.runsBackgroundJobs) this.inBackground.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.inBackground.stop();
  }

  /** Does what is due by the database's clock. */
  async look(): Promise<void> {
    await this.secretKeyUses.note();
    await this.store.showToPrevious();
    await this.deleteGone();
    const { last } = await this.keys.ring();
    const reason = last && this.reasonToReplace(last);
    if (reason !== undefined) await this.publish(last, PUBLISHED_FOR, { by: 'schedule', reason });
  }

  /**
   * Publishes a key, which signs when it has been known for long enough, unless one is published already.
   *
   * @param options.now it, or the one that is published already, signs at once
   */
  async rotate({ now = false } = {}): Promise<Rotation> {
    const { last } = await this.keys.ring();
    const waits = last !== undefined && last.signsFrom > this.clock.now();
    if (!waits && (await this.publish(last, now ? 0 : PUBLISHED_FOR, { by: 'command' }))) {
      return this.outcome(now ? 'signing' : 'published');
    }
    // One waits, which somebody else may have published just now.
    return this.outcome(now && (await this.advance()) ? 'signing' : 'unchanged');
  }

  /**
   * Ends all keys that there are, with all that they have signed, on every replica. A new one signs at once.
   *
   * @param compromised one of them; when it is gone already, nothing is done
   */
  async replaceCompromised(compromised?: string): Promise<Rotation> {
    const named = compromised ?? (await this.keys.ring()).signingAt(this.clock.now())?.kid ?? '';
    const key = await this.keys.make();
    const gone = await this.changing(async (tx) => {
      const { ended, signsFrom } = await this.store.replaceAll(tx, key, named);
      for (const subject of ended) {
        const details = { reason: 'compromised', replaced_by: key.kid };
        await this.audit.record(tx, { kind: 'signing_key.revoked', subject, details });
      }
      if (ended.length > 0) await this.notePublished(tx, key, signsFrom, { by: 'command', reason: 'compromised' });
      return ended;
    });
    return this.outcome(gone.length > 0 ? 'signing' : 'unchanged', gone);
  }

  /** @returns why a key should be replaced on schedule, if it should */
  private reasonToReplace(last: SigningKey): Reason | undefined {
    const { keyRotationDays, sessionAlgorithm, signingKeyBits } = this.config;
    const now = this.clock.now();
    if (keyRotationDays === 0 || last.signsFrom > now) return undefined;
    if (last.signsFrom + keyRotationDays * DAY - PUBLISHED_FOR <= now) return 'age';
    if (last.algorithm !== sessionAlgorithm) return 'algorithm';
    return bitsOf(last) < signingKeyBits ? 'length' : undefined;
  }

  /** @returns whether a new key was published; not if `last` is no longer the last one */
  private async publish(last: SigningKey | undefined, delay: number, why: Why): Promise<boolean> {
    const key = await this.keys.make();
    const published = await this.changing(async (tx) => {
      const signsFrom = await this.store.add(tx, key, last?.kid ?? null, delay);
      if (signsFrom === undefined) return [];
      await this.notePublished(tx, key, signsFrom, why);
      return [key.kid];
    });
    return published.length > 0;
  }

  /** @returns whether the last key, which was published and did not sign yet, does from now on */
  private async advance(): Promise<boolean> {
    const advanced = await this.changing(async (tx) => {
      const kid = await this.store.advance(tx);
      if (kid === undefined) return [];
      await this.audit.record(tx, { kind: 'signing_key.advanced', subject: kid, details: { by: 'command' } });
      return [kid];
    });
    return advanced.length > 0;
  }

  private async deleteGone(): Promise<void> {
    await this.changing(async (tx) => {
      const gone = await this.store.deleteGone(tx);
      for (const subject of gone) await this.audit.record(tx, { kind: 'signing_key.deleted', subject });
      return gone;
    });
  }

  /** Runs a transaction that returns which keys it has changed, and tells every replica. */
  private changing(work: (tx: EntityManager) => Promise<string[]>): Promise<string[]> {
    return this.revocations.during(
      (changed) => (changed.length > 0 ? 'signing keys' : undefined),
      async (tx) => {
        await this.store.takeTurn(tx);
        return work(tx);
      },
    );
  }

  private async notePublished(tx: EntityManager, key: NewKey, signsFrom: number, why: Why): Promise<void> {
    const details = { ...detailsOf(key, signsFrom), ...why };
    await this.audit.record(tx, { kind: 'signing_key.published', subject: key.kid, details });
    this.logger.log(`signing key ${key.kid} signs from ${new Date(signsFrom * 1_000).toISOString()}`);
  }

  private async outcome(outcome: Rotation['outcome'], ended: string[] = []): Promise<Rotation> {
    const { last } = await this.keys.read();
    if (!last) throw new Error('There is no signing key.');
    return { outcome, key: last, ended };
  }
}
