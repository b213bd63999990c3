import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JwksController } from './jwks.controller.js';
import { SecretKeys } from './secret-keys.js';
import { SigningKeyEntity } from './signing-keys.entity.js';
import { SigningKeyStore } from './signing-keys.store.js';
import { SigningKeys } from './signing-keys.service.js';

/** The keys for signing, deriving and encrypting. */
@Global()
@Module({})
export class KeysModule {
  static with(secretKeys: string[]): DynamicModule {
    return {
      module: KeysModule,
      imports: [TypeOrmModule.forFeature([SigningKeyEntity])],
      controllers: [JwksController],
      providers: [SigningKeyStore, SigningKeys, { provide: SecretKeys, useValue: new SecretKeys(secretKeys) }],
      exports: [SigningKeys, SecretKeys],
    };
  }
}
