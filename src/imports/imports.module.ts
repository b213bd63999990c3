import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountLists } from '../accounts/account-lists.store.js';
import { ClientTokenStore } from '../tokens/client-tokens.store.js';
import { AccountImports } from './account-imports.service.js';
import { AccountImportStore } from './account-imports.store.js';
import { AccountReferences } from './account-references.store.js';
import { ClientImports } from './client-imports.service.js';
import { ClientImportStore } from './client-imports.store.js';
import { ImportBatches } from './import-batches.service.js';
import { ImportedRecordEntity } from './imported-records.entity.js';
import { ImportedRecordStore } from './imported-records.store.js';
import { ImportEntity } from './imports.entity.js';
import { Imports } from './imports.service.js';
import { ImportStore } from './imports.store.js';
import { ImportOrigins } from './origins.service.js';
import { TokenImports } from './token-imports.service.js';
import { TokenImportStore } from './token-imports.store.js';

/** Moving in: what another service has, as records. Stands alone, so that a command needs little memory, and mails nobody. */
@Module({
  imports: [TypeOrmModule.forFeature([ImportEntity, ImportedRecordEntity])],
  providers: [
    AccountImports,
    AccountImportStore,
    AccountLists,
    AccountReferences,
    ClientImports,
    ClientImportStore,
    ClientTokenStore,
    ImportBatches,
    ImportedRecordStore,
    ImportOrigins,
    Imports,
    ImportStore,
    TokenImports,
    TokenImportStore,
  ],
  exports: [ImportBatches, Imports],
})
export class ImportsModule {}
