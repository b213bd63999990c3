import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JwksController } from './jwks.controller.js';
import { KeyRotation } from './key-rotation.service.js';
import { KEY_USE, type KeyUse } from './key-use.js';
import { SecretKeyUses } from './secret-key-uses.service.js';
import { SecretKeyEntity } from './secret-keys.entity.js';
import { SecretKeys } from './secret-keys.js';
import { SigningKeyEntity } from './signing-keys.entity.js';
import { SigningKeyStore } from './signing-keys.store.js';
import { SigningKeys } from './signing-keys.service.js';

/** The keys for signing, deriving and encrypting. */
@Global()
@Module({})
export class KeysModule {
  /** @param use what this process does with the signing keys */
  static with(secretKeys: string[], use: KeyUse): DynamicModule {
    return {
      module: KeysModule,
      imports: [TypeOrmModule.forFeature([SigningKeyEntity, SecretKeyEntity])],
      controllers: [JwksController],
      providers: [
        SigningKeyStore,
        SigningKeys,
        KeyRotation,
        SecretKeyUses,
        { provide: SecretKeys, useValue: new SecretKeys(secretKeys) },
        { provide: KEY_USE, useValue: use },
      ],
      exports: [SigningKeys, SecretKeys, KeyRotation, SecretKeyUses],
    };
  }
}
