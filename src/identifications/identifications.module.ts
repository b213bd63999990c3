import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { IdentificationEntity } from './identifications.entity.js';
import { IdentificationStore } from './identifications.store.js';
import { IdentificationsController } from './identifications.controller.js';
import { Identifications } from './identifications.service.js';
import { InstitutionIndex } from './institution-index.service.js';
import { InstitutionChangeEntity, InstitutionSearchEntity, InstitutionWordEntity } from './institutions.entity.js';
import { InstitutionStore } from './institutions.store.js';
import { WayfController } from './wayf.controller.js';
import { Wayf } from './wayf.service.js';
import { IdempotencyModule } from '../idempotency/idempotency.module.js';

/** Identifying the accounts that visitors belong to. */
@Module({
  imports: [
    IdempotencyModule,
    TypeOrmModule.forFeature([
      IdentificationEntity,
      InstitutionSearchEntity,
      InstitutionWordEntity,
      InstitutionChangeEntity,
    ]),
    AccountsModule,
    PasswordsModule,
    TokensModule,
  ],
  controllers: [IdentificationsController, WayfController],
  exports: [Identifications],
  providers: [Identifications, IdentificationStore, InstitutionIndex, InstitutionStore, Wayf],
})
export class IdentificationsModule {}
