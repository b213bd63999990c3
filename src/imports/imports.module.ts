import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountLists } from '../accounts/account-lists.store.js';
import { AccountImports } from './account-imports.service.js';
import { AccountImportStore } from './account-imports.store.js';
import { ImportBatches } from './import-batches.service.js';
import { ImportEntity } from './imports.entity.js';
import { Imports } from './imports.service.js';
import { ImportStore } from './imports.store.js';
import { ImportOrigins } from './origins.service.js';

/** Moving in: what another service has, as records. Stands alone, so that a command needs little memory, and mails nobody. */
@Module({
  imports: [TypeOrmModule.forFeature([ImportEntity])],
  providers: [AccountLists, AccountImports, AccountImportStore, ImportBatches, Imports, ImportStore, ImportOrigins],
  exports: [ImportBatches, Imports],
})
export class ImportsModule {}
