import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { SIGNING_KEY_LOCK, underLock } from '../database/locks.js';
import { open, seal } from './envelope.js';
import { SecretKeys } from './secret-keys.js';
import type { SigningKeyEntity } from './signing-keys.entity.js';
import { SigningKeyStore } from './signing-keys.store.js';

/** The only algorithm that session tokens are signed with (RFC 7518 section 3.3). */
export const ALGORITHM = 'RS512';

interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
  publicJwk: JWK;
}

/** The least time between two searches for an unknown `kid`, in milliseconds, as anyone can send one. */
const RELOAD_PAUSE = 5_000;

/**
 * The key pairs that sign session tokens: generated on the first start, and shared by all replicas through the
 * database.
 */
@Injectable()
export class SigningKeys implements OnModuleInit {
  /** Newest first. */
  private keys: SigningKey[] = [];
  /** On the monotonic clock: the other one may be set back. */
  private loadedAt = -Infinity;
  private unreadable = 0;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: SigningKeyStore,
    private readonly secretKeys: SecretKeys,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!(await this.store.exists(this.manager))) {
      const { signingKeyBits: modulusLength } = this.config;
      const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength });
      await underLock(this.manager, SIGNING_KEY_LOCK, async (tx) => {
        if (!(await this.store.exists(tx))) await this.add(tx, privateKey, publicKey);
      });
    }
    await this.load();
    if (this.unreadable > 0) {
      throw new Error(
        'The signing keys in the database are encrypted with another SECRET_KEY. Set SECRET_KEY to `new,old`.',
      );
    }
  }

  /** The newest key, which signs new tokens. */
  get current(): SigningKey {
    const [newest] = this.keys;
    if (!newest) throw new Error('There is no signing key.');
    return newest;
  }

  /** @returns the public key with this id; an unknown one is searched in the database, at most every few seconds */
  async findPublicKey(kid: string): Promise<KeyObject | undefined> {
    const known = this.keys.find((key) => key.kid === kid);
    if (known || performance.now() - this.loadedAt < RELOAD_PAUSE) return known?.publicKey;
    await this.load();
    return this.keys.find((key) => key.kid === kid)?.publicKey;
  }

  /** The public keys as a JWK Set (RFC 7517 section 5). */
  get jwks(): { keys: JWK[] } {
    return { keys: this.keys.map(({ kid, publicJwk }) => ({ ...publicJwk, kid, use: 'sig', alg: ALGORITHM })) };
  }

  private async add(tx: EntityManager, privateKey: KeyObject, publicKey: KeyObject): Promise<void> {
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    await this.store.insert(tx, { kid, publicJwk, ...this.encrypt(kid, privateKey) });
  }

  private async load(): Promise<void> {
    const rows = await this.store.list();
    this.loadedAt = performance.now();
    const found = await Promise.all(rows.map((row) => this.decrypt(row)));
    this.keys = found.filter((key) => key !== undefined);
    this.unreadable = found.length - this.keys.length;
  }

  private encrypt(kid: string, privateKey: KeyObject) {
    const { id, key } = this.secretKeys.current('signing-key');
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    return { encryptedPrivateKey: seal(key, kid, der), secretKeyId: id };
  }

  /**
   * @returns the key, from memory if it is known, as a replica with a newer SECRET_KEY may have re-encrypted it;
   *   undefined for one that our SECRET_KEY does not decrypt
   */
  private async decrypt(row: SigningKeyEntity): Promise<SigningKey | undefined> {
    const known = this.keys.find((key) => key.kid === row.kid);
    if (known) return known;
    const subKey = this.secretKeys.find('signing-key', row.secretKeyId);
    if (!subKey) return undefined;
    const der = open(subKey.key, row.kid, row.encryptedPrivateKey);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    await this.renew(row, privateKey);
    return { kid: row.kid, privateKey, publicKey: createPublicKey(privateKey), publicJwk: row.publicJwk };
  }

  /** Re-encrypts a key with the current SECRET_KEY, so that the older one can be dropped. */
  private async renew(row: SigningKeyEntity, privateKey: KeyObject): Promise<void> {
    if (row.secretKeyId === this.secretKeys.current('signing-key').id) return;
    await this.store.replace(row, this.encrypt(row.kid, privateKey));
  }
}
