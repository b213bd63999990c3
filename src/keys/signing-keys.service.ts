import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { isDatabaseUnavailable } from '../errors/database-errors.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache } from '../revocations/verified-cache.js';
import { open, seal } from './envelope.js';
import { KeyRing, type SigningKey, type SigningPair } from './key-ring.js';
import { KEY_USE, type KeyUse } from './key-use.js';
import { SecretKeys } from './secret-keys.js';
import { SigningKeyStore, type KeyRow, type NewKey } from './signing-keys.store.js';

const UNREADABLE =
  'The signing keys in the database are encrypted with another SECRET_KEY. Set SECRET_KEY to `new,old`. ' +
  'If the old one is lost, run `latchkey keys rotate --compromised`, by which everybody is signed out.';

/** The least time between two searches for an unknown `kid`, in milliseconds, as anyone can send one. */
const SEARCH_PAUSE = 100;

/** Of the event that a key was published. */
export function detailsOf({ algorithm, publicJwk }: NewKey, signsFrom: number): Record<string, unknown> {
  const bits = Buffer.from(publicJwk.n ?? '', 'base64url').length * 8;
  return { algorithm, bits, signs_from: new Date(signsFrom * 1_000).toISOString() };
}

/** What a `kid` looks like: a SHA-256 thumbprint. */
const KID = /^[\w-]{43}$/;

/**
 * The key pairs that sign session tokens, which all replicas share through the database. They are remembered as verified
 * credentials are: as long as this process is certain to hear of changes.
 */
@Injectable()
export class SigningKeys implements OnModuleInit {
  private readonly logger = new Logger('SigningKeys');
  private readonly remembered: VerifiedCache<KeyRing>;
  /** As they were read last. */
  private latest = new KeyRing([]);
  /** A search that has not begun yet. */
  private nextSearch: Promise<KeyRing> | undefined;
  /** On the monotonic clock: the other one may be set back. */
  private searchedAt = -Infinity;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(KEY_USE) private readonly use: KeyUse,
    private readonly store: SigningKeyStore,
    private readonly secretKeys: SecretKeys,
    private readonly clock: DatabaseClock,
    private readonly manager: EntityManager,
    private readonly audit: AuditLog,
    revocations: Revocations,
  ) {
    this.remembered = new VerifiedCache(revocations, 1);
  }

  async onModuleInit(): Promise<void> {
    if (this.use !== 'read' && !(await this.store.exists())) await this.addFirst();
    const ring = await this.read();
    if (!ring.isReadable && this.use !== 'replace') throw new Error(UNREADABLE);
  }

  /** @returns the keys that are not gone */
  async ring(): Promise<KeyRing> {
    const load = async () => ({ value: await this.read(), tags: ['signing keys' as const], expiresIn: null });
    return (await this.remembered.get('', load)) ?? this.latest;
  }

  /** @returns the key to sign with now */
  async current(): Promise<SigningPair> {
    const pair = (await this.ring()).pairAt(this.clock.now());
    if (!pair) throw new Error('There is no signing key.');
    return pair;
  }

  /** @returns for how long the key that signs has signed, in seconds, as the keys were last known; undefined: there is none */
  age(): number | undefined {
    const now = this.clock.now();
    const signing = this.latest.signingAt(now);
    return signing && Math.max(0, now - signing.signsFrom);
  }

  /** @returns the key with this id; one that is unknown is searched in the database */
  async find(kid: string): Promise<SigningKey | undefined> {
    if (!KID.test(kid)) return undefined;
    return (await this.ring()).find(kid) ?? (await this.search()).find(kid);
  }

  /** @returns the key set, during an outage as it was last known */
  async jwks(): Promise<{ keys: JWK[] }> {
    const ring = await this.ring().catch((error: unknown) => {
      if (!isDatabaseUnavailable(error)) throw error;
      return this.latest;
    });
    return ring.jwksAt(this.clock.now());
  }

  /** @returns a new key, which is not stored yet. It takes up to a second, on another thread */
  async make(): Promise<NewKey> {
    const { signingKeyBits: modulusLength, sessionAlgorithm: algorithm, sessionTtl: tokenTtl } = this.config;
    const { privateKey, publicKey } = await this.generate(modulusLength);
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    return { kid, publicJwk, algorithm, tokenTtl, ...this.encrypt(kid, privateKey) };
  }

  /** @returns a pair of keys, made at random */
  generate(modulusLength: number): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
    return promisify(generateKeyPair)('rsa', { modulusLength });
  }

  private async addFirst(): Promise<void> {
    const key = await this.make();
    await this.manager.transaction(async (tx) => {
      await this.store.takeTurn(tx);
      const signsFrom = await this.store.add(tx, key, null, 0);
      if (signsFrom === undefined) return;
      await this.audit.record(tx, {
        kind: 'signing_key.published',
        subject: key.kid,
        details: detailsOf(key, signsFrom),
      });
    });
  }

  /** One that begins after it was asked for, together with whoever else asks before it begins. */
  private search(): Promise<KeyRing> {
    this.nextSearch ??= this.searchSoon();
    return this.nextSearch;
  }

  private async searchSoon(): Promise<KeyRing> {
    await sleep(Math.max(0, this.searchedAt + SEARCH_PAUSE - performance.now()));
    this.searchedAt = performance.now();
    this.nextSearch = undefined;
    return this.read();
  }

  /** @returns the keys as they are in the database at this moment: of the last change this process may not have heard yet */
  async read(): Promise<KeyRing> {
    const rows = await this.store.list();
    // Before it signs with one.
    if (this.use !== 'read' && rows.some(({ tokenTtl }) => tokenTtl < this.config.sessionTtl)) {
      await this.store.keepFor(this.config.sessionTtl);
      return this.read();
    }
    this.latest = new KeyRing(await Promise.all(rows.map((row) => this.readRow(row))));
    return this.latest;
  }

  private async readRow(row: KeyRow): Promise<SigningKey> {
    const { kid, algorithm, publicJwk, publishedAt, signsFrom, goneAt } = row;
    const known = this.latest.find(kid);
    const publicKey = known?.publicKey ?? createPublicKey({ key: publicJwk, format: 'jwk' });
    // A replica with a newer SECRET_KEY may have encrypted it anew.
    const privateKey = known?.privateKey ?? (await this.decrypt(row));
    if (!known && !privateKey && this.use !== 'replace') this.logger.error(UNREADABLE);
    return { kid, algorithm, publicKey, publicJwk, privateKey, publishedAt, signsFrom, goneAt };
  }

  private encrypt(kid: string, privateKey: KeyObject) {
    const { id, key } = this.secretKeys.current('signing-key');
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    return { encryptedPrivateKey: seal(key, kid, der), secretKeyId: id };
  }

  /** @returns undefined for one that our SECRET_KEY does not decrypt */
  private async decrypt(row: KeyRow): Promise<KeyObject | undefined> {
    const subKey = this.secretKeys.find('signing-key', row.secretKeyId);
    if (!subKey) return undefined;
    const der = open(subKey.key, row.kid, row.encryptedPrivateKey);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    if (this.use === 'serve') await this.renew(row, privateKey);
    return privateKey;
  }

  /** Re-encrypts a key with the current SECRET_KEY, so that the older one can be dropped. */
  private async renew(row: KeyRow, privateKey: KeyObject): Promise<void> {
    if (row.secretKeyId === this.secretKeys.current('signing-key').id) return;
    await this.store.replace(row, this.encrypt(row.kid, privateKey));
  }
}
