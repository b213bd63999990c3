import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { IdentificationEntity } from './identification.entity.js';
import { IdentificationStore } from './identification.store.js';
import { IdentificationsController } from './identifications.controller.js';
import { Identifications } from './identifications.service.js';
import { InstitutionStore } from './institution.store.js';
import { WayfController } from './wayf.controller.js';
import { Wayf } from './wayf.service.js';

/** Which account does a visitor belong to? */
@Module({
  imports: [TypeOrmModule.forFeature([IdentificationEntity]), AccountsModule],
  controllers: [IdentificationsController, WayfController],
  providers: [Identifications, IdentificationStore, InstitutionStore, Wayf],
})
export class IdentificationsModule {}
