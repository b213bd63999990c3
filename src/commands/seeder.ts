import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EntityManager, In } from 'typeorm';
import { AccountLists } from '../accounts/account-lists.store.js';
import { AccountEntity } from '../accounts/accounts.entity.js';
import { auditedFields, readFields } from '../accounts/account-fields.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import type { AuditKind } from '../audit-log/audit-kinds.js';
import { MIGRATION_LOCK, underLock } from '../database/locks.js';
import { Identifications } from '../identifications/identifications.service.js';
import { OauthClientEntity } from '../oauth/oauth-clients.entity.js';
import { ClientSecretChecks } from '../oauth/client-secret-checks.service.js';
import { OauthClients } from '../oauth/oauth-clients.service.js';
import type { TokenKind } from '../tokens/token-kinds.js';
import { TokenIssuer, type TokenRequest } from '../tokens/token-issuer.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import * as data from './seed-data.js';

/** What was seeded, with its secrets, which can only be shown once. */
export interface Seeded {
  password: string;
  clients: { id: string; secret: string }[];
  /** One without scopes, and one with the scope `frontend`. */
  appToken: string;
  frontendAppToken: string;
  /** The Token of {@link data.APPLICATION_OWNER}. */
  userToken: string;
  apiToken: string;
}

/**
 * Fills a database with realistic accounts, clients and tokens. All secrets are random, as fixed ones would open every
 * database that was seeded.
 */
@Injectable()
export class Seeder {
  constructor(
    private readonly manager: EntityManager,
    private readonly accounts: AccountStore,
    private readonly accountLists: AccountLists,
    private readonly hasher: PasswordHasher,
    private readonly oauthClients: OauthClients,
    private readonly secretChecks: ClientSecretChecks,
    private readonly tokens: Tokens,
    private readonly issuer: TokenIssuer,
    private readonly identifications: Identifications,
    private readonly audit: AuditLog,
  ) {}

  /**
   * @param beforeCommit receives the secrets before they are committed
   * @returns undefined when the database contains seed data already; then nothing is created
   * @throws when there is no enabled admin to own the clients
   */
  async run(beforeCommit: (made: Seeded) => void): Promise<Seeded | undefined> {
    if (await this.isThere(this.manager)) return undefined;
    const password = randomBytes(16).toString('base64url');
    const hashes = await Promise.all(data.PEOPLE.map(() => this.hasher.hash(password)));
    const made = await underLock(this.manager, MIGRATION_LOCK, async (tx) => {
      if (await this.isThere(tx)) return undefined;
      const adminId = await this.anAdmin(tx);
      await this.addOrganisations(tx);
      const people = await this.addPeople(tx, hashes);
      const clients = await this.addClients(tx, adminId);
      const seeded = { password, clients, ...(await this.addTokens(tx, adminId, people)) };
      beforeCommit(seeded);
      return seeded;
    });
    // These have transactions of their own.
    if (made) await this.addHistory(made);
    return made;
  }

  private async isThere(manager: EntityManager): Promise<boolean> {
    const emails = data.PEOPLE.map(({ email }) => email);
    const names = data.ORGANISATIONS.map(({ name }) => name);
    return (
      (await manager.existsBy(AccountEntity, [{ email: In(emails) }, { name: In(names) }])) ||
      (await manager.existsBy(OauthClientEntity, { id: In(data.CLIENTS.map(({ id }) => id)) }))
    );
  }

  private async anAdmin(tx: EntityManager): Promise<string> {
    const admin = await this.accounts.findFirstAdmin(tx);
    if (!admin) throw new Error('There is no enabled admin to own the clients. Run the bootstrap command first.');
    return admin.id;
  }

  private async addOrganisations(tx: EntityManager): Promise<void> {
    for (const body of data.ORGANISATIONS) {
      const fields = readFields(body);
      const account = { ...fields, email: null, passwordHash: null, role: 'user' as const, individual: false };
      const { id } = await this.accounts.create(tx, account);
      await this.accountLists.replace(tx, id, fields);
      await this.note(tx, 'account.created', id, { role: 'user', individual: false, ...auditedFields(fields) });
    }
  }

  /** @returns the accounts' ids by email */
  private async addPeople(tx: EntityManager, hashes: string[]): Promise<Map<string, string>> {
    const ids = new Map<string, string>();
    for (const [index, person] of data.PEOPLE.entries()) {
      const passwordHash = hashes[index] ?? null;
      const { id } = await this.accounts.create(tx, { ...person, passwordHash, role: 'user' });
      await this.note(tx, 'account.created', id, { role: 'user', individual: true });
      ids.set(person.email, id);
    }
    return ids;
  }

  private async addClients(tx: EntityManager, ownerId: string): Promise<Seeded['clients']> {
    const made = data.CLIENTS.map((client) => ({ ...client, secret: randomBytes(32).toString('base64url'), ownerId }));
    for (const client of made) {
      await this.oauthClients.add(tx, client);
      await this.note(tx, 'oauth_client.created', client.id, { scopes: client.scopes, owner: ownerId });
    }
    return made;
  }

  private async addTokens(
    tx: EntityManager,
    adminId: string,
    people: Map<string, string>,
  ): Promise<Pick<Seeded, 'appToken' | 'frontendAppToken' | 'userToken' | 'apiToken'>> {
    const owner = idIn(people, data.APPLICATION_OWNER);
    const appToken = await this.issue(tx, 'app', { accountId: owner, name: 'Reader' });
    const frontendAppToken = await this.issue(tx, 'app', {
      accountId: adminId,
      name: 'Gateway frontend',
      scopes: ['frontend'],
    });
    const userToken = await this.issue(tx, 'user', { accountId: owner });
    await this.issue(tx, 'user', { accountId: owner, lifetime: 0 });
    await this.issue(tx, 'user', { accountId: idIn(people, data.ACTED_FOR), actorId: adminId });
    const apiTokens = [];
    for (const { account, variant, description } of data.API_TOKENS) {
      const request = { gatewayAccountId: account, description, createdBy: data.APPLICATION_OWNER };
      apiTokens.push(await this.issue(tx, 'api', { ...request, ...(variant && { variant }) }));
    }
    return { appToken, frontendAppToken, userToken, apiToken: apiTokens[0] ?? '' };
  }

  private async issue(tx: EntityManager, kind: Exclude<TokenKind, 'oauth'>, request: TokenRequest): Promise<string> {
    const { secret, record } = await this.issuer.issue(tx, kind, request);
    const { gatewayAccountId, accountId, scopes } = record;
    const whose = gatewayAccountId === null ? { account: accountId, scopes } : { gateway_account: gatewayAccountId };
    await this.note(tx, 'token.issued', record.id, { kind, ...whose });
    return secret;
  }

  /** Revokes a token, and identifies visitors. */
  private async addHistory({ clients }: Seeded): Promise<void> {
    for (const { account, description } of data.API_TOKENS.filter(({ isRevoked }) => isRevoked)) {
      const holder = { gatewayAccountId: account };
      const tokens = await this.tokens.listGateway(holder, { state: 'active', source: 'API' });
      const record = tokens.find((one) => one.description === description);
      if (!record) continue;
      await this.tokens.revokeGateway(holder, { kind: 'api', by: 'id', value: record.id }, (tx, { id }) =>
        this.note(tx, 'token.revoked', id, { kind: 'api', gateway_account: account }),
      );
    }
    const { id = '', secret = '' } = clients.find((one) => one.id === data.IDENTIFYING_CLIENT) ?? {};
    const client = await this.secretChecks.authenticate({ id, secret }, '127.0.0.1');
    if (!client) throw new Error(`The client ${data.IDENTIFYING_CLIENT} could not be authenticated.`);
    for (const visitor of data.VISITORS) await this.identifications.create(client, visitor);
  }

  private note(tx: EntityManager, kind: AuditKind, subject: string, details: Record<string, unknown>): Promise<void> {
    return this.audit.record(tx, { kind, subject, details: { ...details, seed: true } });
  }
}

function idIn(people: Map<string, string>, email: string): string {
  const id = people.get(email);
  if (id === undefined) throw new Error(`The seed has no ${email}.`);
  return id;
}
