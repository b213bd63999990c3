import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { CLIENT_SCOPE_NAMES } from '../access/client-scopes.js';
import { AccountEntity } from '../accounts/accounts.entity.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { MIGRATION_LOCK, underLock } from '../database/locks.js';
import { ApiError } from '../errors/api-error.js';
import { OauthClients } from '../oauth/oauth-clients.service.js';
import { TOKEN_KINDS } from '../tokens/token-kinds.js';
import { TokenIssuer } from '../tokens/token-issuer.service.js';
import { Tokens } from '../tokens/tokens.service.js';

/** The first credentials of an installation, which can only be shown once. */
export interface FirstCredentials {
  adminEmail?: string;
  adminPassword?: string;
  appToken?: string;
  clientId?: string;
  clientSecret?: string;
}

interface NewAdmin extends FirstCredentials {
  adminEmail: string;
  adminPassword: string;
}

const MAILBOX_NEEDED =
  'BOOTSTRAP_ADMIN_EMAIL must be a mailbox that you read: the first password expires (INITIAL_PASSWORD_TTL), and then a link in a ' +
  'mail is the way to choose another one';

/** The scopes of the first App-Token. */
const APP_TOKEN_SCOPES = ['frontend'];

/** Fills a database without an admin: with an admin account, an App-Token and an OAuth2 client. */
@Injectable()
export class Bootstrap {
  private readonly logger = new Logger('Bootstrap');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly accounts: AccountStore,
    private readonly hasher: PasswordHasher,
    private readonly tokens: Tokens,
    private readonly issuer: TokenIssuer,
    private readonly oauthClients: OauthClients,
    private readonly audit: AuditLog,
  ) {}

  /** Whether there is no admin yet. */
  async isNeeded(manager: EntityManager = this.manager): Promise<boolean> {
    return !(await manager.existsBy(AccountEntity, { role: 'admin' }));
  }

  /** Creates what the BOOTSTRAP_* variables specify, if there is no admin yet.
   * @returns what was created; undefined: nothing
   */
  async fromVariables(): Promise<FirstCredentials | undefined> {
    const { adminEmail, adminPassword, appToken, clientId, clientSecret } = this.config.bootstrap;
    if (adminEmail === undefined || adminPassword === undefined) return undefined;
    return this.run({
      adminEmail,
      adminPassword,
      ...(appToken !== undefined && { appToken }),
      ...(clientId !== undefined && clientSecret !== undefined && { clientId, clientSecret }),
    });
  }

  /**
   * Creates all first credentials if there is no admin yet; what the BOOTSTRAP_* variables do not specify is random. If
   * there is an admin but no valid App-Token, without which no admin could log in, it creates one.
   */
  async generated(beforeCommit?: (made: FirstCredentials) => void): Promise<FirstCredentials | undefined> {
    const given = this.config.bootstrap;
    if (this.needsMailbox() && (await this.isNeeded())) throw new Error(MAILBOX_NEEDED);
    const made = await this.run(
      {
        adminEmail: given.adminEmail ?? 'admin@latchkey.example',
        adminPassword: given.adminPassword ?? randomBytes(16).toString('base64url'),
        appToken: given.appToken ?? TOKEN_KINDS.app.format.mint(),
        clientId: given.clientId ?? randomUUID(),
        clientSecret: given.clientSecret ?? randomBytes(32).toString('base64url'),
      },
      beforeCommit,
    );
    return made ?? this.restoreAppToken(beforeCommit);
  }

  /** Whether the password of the first admin expires, after which only a mail helps, and nobody has said where that is read. */
  private needsMailbox(): boolean {
    const { initialPasswordTtl, bootstrap, database } = this.config;
    return initialPasswordTtl > 0 && bootstrap.adminEmail === undefined && database !== undefined;
  }

  /** Under a lock, so that of several replicas that start at the same time only one finds no admin. */
  private async run(
    credentials: NewAdmin,
    beforeCommit?: (made: FirstCredentials) => void,
  ): Promise<FirstCredentials | undefined> {
    if (!(await this.isNeeded())) return undefined;
    const passwordHash = await this.hashOf(credentials);
    return underLock(this.manager, MIGRATION_LOCK, async (tx) => {
      if (!(await this.isNeeded(tx))) return undefined;
      await this.store(tx, credentials, passwordHash);
      beforeCommit?.(credentials);
      this.logger.log('the first admin was created');
      return credentials;
    });
  }

  /** @throws Error that names the variable and what is wrong with its value */
  private async hashOf({ adminEmail, adminPassword }: NewAdmin): Promise<string> {
    try {
      return await this.hasher.hash(adminPassword, { emails: [adminEmail] });
    } catch (error) {
      const [problem] = error instanceof ApiError ? (error.details.fields?.password ?? []) : [];
      throw problem === undefined ? error : new Error(`BOOTSTRAP_ADMIN_PASSWORD ${problem}`);
    }
  }

  private restoreAppToken(beforeCommit?: (made: FirstCredentials) => void): Promise<FirstCredentials | undefined> {
    return underLock(this.manager, MIGRATION_LOCK, async (tx) => {
      if (await this.tokens.hasGoodAppToken(tx)) return undefined;
      const admin = await this.accounts.findFirstAdmin(tx);
      if (!admin) return undefined;
      const made = { appToken: TOKEN_KINDS.app.format.mint() };
      await this.addAppToken(tx, admin.id, made.appToken);
      beforeCommit?.(made);
      this.logger.log('no valid App-Token was left: a new one was created');
      return made;
    });
  }

  private async addAppToken(tx: EntityManager, accountId: string, secret: string): Promise<void> {
    const { record } = await this.issuer.issue(tx, 'app', {
      secret,
      accountId,
      name: 'bootstrap',
      scopes: APP_TOKEN_SCOPES,
    });
    const details = { kind: 'app', account: accountId, scopes: APP_TOKEN_SCOPES, bootstrap: true };
    await this.audit.record(tx, { kind: 'token.issued', subject: record.id, details });
  }

  private async store(tx: EntityManager, credentials: NewAdmin, passwordHash: string): Promise<void> {
    const { adminEmail: email, appToken, clientId, clientSecret } = credentials;
    const account = { email, passwordHash, role: 'admin', verified: true, isPasswordInitial: true } as const;
    const admin = await this.accounts.create(tx, account);
    const details = { role: 'admin', bootstrap: true };
    await this.audit.record(tx, { kind: 'account.created', subject: admin.id, details });
    if (appToken !== undefined) await this.addAppToken(tx, admin.id, appToken);
    if (clientId !== undefined && clientSecret !== undefined) {
      const client = {
        id: clientId,
        secret: clientSecret,
        name: 'bootstrap',
        scopes: CLIENT_SCOPE_NAMES,
        ownerId: admin.id,
      };
      await this.oauthClients.add(tx, client);
      const made = { scopes: CLIENT_SCOPE_NAMES, owner: admin.id, bootstrap: true };
      await this.audit.record(tx, { kind: 'oauth_client.created', subject: clientId, details: made });
    }
  }
}
