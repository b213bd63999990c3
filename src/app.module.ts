import { Module, type DynamicModule } from '@nestjs/common';
import { AccountAdminModule } from './account-admin/account-admin.module.js';
import { AccountEmailsModule } from './account-emails/account-emails.module.js';
import { AccountsModule } from './accounts/accounts.module.js';
import { ApiTokensModule } from './api-tokens/api-tokens.module.js';
import { AppTokensModule } from './app-tokens/app-tokens.module.js';
import { AuditLogReaderModule } from './audit-log-reader/audit-log-reader.module.js';
import { AuditLogModule } from './audit-log/audit-log.module.js';
import { BootstrapModule } from './bootstrap/bootstrap.module.js';
import { BrandModule } from './brand/brand.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import type { DatabaseAccess } from './database/connection.js';
import { DatabaseModule } from './database/database.module.js';
import { GuardsModule } from './guards/guards.module.js';
import { HealthModule } from './health/health.module.js';
import { IdentificationsModule } from './identifications/identifications.module.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { ImportRoutesModule } from './imports/import-routes.module.js';
import { ImportsModule } from './imports/imports.module.js';
import { KeysModule } from './keys/keys.module.js';
import { LimitsModule } from './limits/limits.module.js';
import { MailModule } from './mail/mail.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OauthModule } from './oauth/oauth.module.js';
import { PasswordResetsModule } from './password-resets/password-resets.module.js';
import { RevocationsModule } from './revocations/revocations.module.js';
import { RootModule } from './root/root.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { TokensModule } from './tokens/tokens.module.js';
import type { Primary } from './workers/subjects.js';
import { WorkersModule } from './workers/workers.module.js';

/** What a server is built from: its settings, its database and its keys. */
export interface ServerOptions {
  config: Config;
  database: DatabaseAccess;
  secretKeys: string[];
  /** Where there are several workers: the process that has started this one. */
  primary?: Primary;
  /** Whether this process runs background jobs, as one of several workers has to; default: it does. */
  runsBackgroundJobs?: boolean;
}

/** What a server does for accounts, sessions and tokens: what a command needs that does all of it. */
export const FEATURES = [
  MailModule,
  IdempotencyModule,
  TokensModule,
  AccountsModule,
  SessionsModule,
  PasswordResetsModule,
  AccountAdminModule,
  AccountEmailsModule,
  AuditLogReaderModule,
  AppTokensModule,
  ApiTokensModule,
  OauthModule,
  ImportsModule,
  ImportRoutesModule,
  IdentificationsModule,
  BootstrapModule,
];

/** The whole server, from the plain modules at the bottom to the guards on top. */
@Module({})
export class AppModule {
  static with({ config, database, secretKeys, primary, runsBackgroundJobs = true }: ServerOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config, { runsBackgroundJobs }),
        ...(primary ? [WorkersModule.with(primary)] : []),
        DatabaseModule.with(database, config),
        KeysModule.with(secretKeys, 'serve'),
        LimitsModule,
        RevocationsModule,
        AuditLogModule,
        BrandModule,
        RootModule,
        HealthModule,
        MetricsModule,
        ...FEATURES,
        GuardsModule,
      ],
    };
  }
}
