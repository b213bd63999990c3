import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { SigningKeyEntity } from './signing-keys.entity.js';

/** A private key as it is stored. */
type EncryptedKey = Pick<SigningKeyEntity, 'encryptedPrivateKey' | 'secretKeyId'>;

/** The table of signing keys. */
@Injectable()
export class SigningKeyStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns whether there is a signing key */
  exists(manager: EntityManager): Promise<boolean> {
    return manager.existsBy(SigningKeyEntity, {});
  }

  /** @returns all of them, newest first */
  list(): Promise<SigningKeyEntity[]> {
    return this.manager.find(SigningKeyEntity, { order: { createdAt: 'DESC', kid: 'ASC' } });
  }

  async insert(tx: EntityManager, key: Pick<SigningKeyEntity, 'kid' | 'publicJwk'> & EncryptedKey): Promise<void> {
    await tx.insert(SigningKeyEntity, key);
  }

  /** Stores a re-encrypted private key, unless another replica has done so meanwhile. */
  async replace({ kid, secretKeyId }: SigningKeyEntity, encrypted: EncryptedKey): Promise<void> {
    await this.manager.update(SigningKeyEntity, { kid, secretKeyId }, encrypted);
  }
}
