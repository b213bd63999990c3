import type { MigrationInterface } from 'typeorm';
import { Accounts1763700000001 } from './1763700000001-accounts.js';
import { Sessions1763700000002 } from './1763700000002-sessions.js';
import { Mail1763700000003 } from './1763700000003-mail.js';
import { Limits1763700000004 } from './1763700000004-limits.js';
import { SigningKeys1763700000005 } from './1763700000005-signing-keys.js';
import { Tokens1763700000006 } from './1763700000006-tokens.js';
import { OauthClients1763700000007 } from './1763700000007-oauth-clients.js';
import { TokenKinds1763800000008 } from './1763800000008-token-kinds.js';
import { Audit1763800000009 } from './1763800000009-audit.js';
import { AccountsForClients1763900000010 } from './1763900000010-accounts-for-clients.js';
import { ClientSecrets1763900000011 } from './1763900000011-client-secrets.js';
import { Identifications1763900000012 } from './1763900000012-identifications.js';
import { AuditTrail1763900000013 } from './1763900000013-audit-trail.js';
import { AccountsAdministration1763900000014 } from './1763900000014-accounts-administration.js';
import { SearchIndexes1763900000015 } from './1763900000015-search-indexes.js';
import { ClientEpochs1764000000016 } from './1764000000016-client-epochs.js';
import { SessionParents1764000000017 } from './1764000000017-session-parents.js';
import { PasswordChanges1764000000018 } from './1764000000018-password-changes.js';
import { SignInFailures1764000000019 } from './1764000000019-sign-in-failures.js';
import { ClientAddresses1764000000020 } from './1764000000020-client-addresses.js';
import { Lineage1764000000021 } from './1764000000021-lineage.js';
import { PasswordChecks1764000000022 } from './1764000000022-password-checks.js';
import { EmailsInOneForm1764000000023 } from './1764000000023-emails-in-one-form.js';
import { ProofsOfEmails1764000000024 } from './1764000000024-proofs-of-emails.js';
import { ClaimsIndex1764000000025 } from './1764000000025-claims-index.js';
import { WaysOfPasswordChanges1764000000026 } from './1764000000026-ways-of-password-changes.js';
import { InitialPasswords1764000000027 } from './1764000000027-initial-passwords.js';
import { TokenOrigins1764000000028 } from './1764000000028-token-origins.js';
import { IdempotencyKeys1764000000029 } from './1764000000029-idempotency-keys.js';
import { Imports1764000000030 } from './1764000000030-imports.js';
import { KeyLives1764000000031 } from './1764000000031-key-lives.js';
import { WayfReturns1764000000032 } from './1764000000032-wayf-returns.js';
import { AccountsForClientsIndexes1764000000033 } from './1764000000033-accounts-for-clients-indexes.js';
import { TokenOriginsIndexes1764000000034 } from './1764000000034-token-origins-indexes.js';
import { ImportIndexes1764000000035 } from './1764000000035-import-indexes.js';
import { TokenResources1764000000036 } from './1764000000036-token-resources.js';
import { ImportedTokens1764000000037 } from './1764000000037-imported-tokens.js';
import { DeletedAccounts1764000000039 } from './1764000000039-deleted-accounts.js';
import { Seniority1764000000040 } from './1764000000040-seniority.js';
import { Partitions1764000000041 } from './1764000000041-partitions.js';
import { Storage1764000000042 } from './1764000000042-storage.js';
import { InstitutionSearch1764000000043 } from './1764000000043-institution-search.js';
import { LanguagesOfMails1764000000044 } from './1764000000044-languages-of-mails.js';
import { HeldAppTokens1764000000045 } from './1764000000045-held-app-tokens.js';
import { OriginsOfLinks1764000000046 } from './1764000000046-origins-of-links.js';
import { GoodTokens1764000000047 } from './1764000000047-good-tokens.js';
import { ErasureIndexes1764000000048 } from './1764000000048-erasure-indexes.js';

/** Every migration, oldest first. New ones go at the end; published ones never change. */
export const migrations: (new () => MigrationInterface)[] = [
  Accounts1763700000001,
  Sessions1763700000002,
  Mail1763700000003,
  Limits1763700000004,
  SigningKeys1763700000005,
  Tokens1763700000006,
  OauthClients1763700000007,
  TokenKinds1763800000008,
  Audit1763800000009,
  AccountsForClients1763900000010,
  ClientSecrets1763900000011,
  Identifications1763900000012,
  AuditTrail1763900000013,
  AccountsAdministration1763900000014,
  SearchIndexes1763900000015,
  ClientEpochs1764000000016,
  SessionParents1764000000017,
  PasswordChanges1764000000018,
  SignInFailures1764000000019,
  ClientAddresses1764000000020,
  Lineage1764000000021,
  PasswordChecks1764000000022,
  EmailsInOneForm1764000000023,
  ProofsOfEmails1764000000024,
  ClaimsIndex1764000000025,
  WaysOfPasswordChanges1764000000026,
  InitialPasswords1764000000027,
  TokenOrigins1764000000028,
  IdempotencyKeys1764000000029,
  Imports1764000000030,
  KeyLives1764000000031,
  WayfReturns1764000000032,
  AccountsForClientsIndexes1764000000033,
  TokenOriginsIndexes1764000000034,
  ImportIndexes1764000000035,
  TokenResources1764000000036,
  ImportedTokens1764000000037,
  DeletedAccounts1764000000039,
  Seniority1764000000040,
  Partitions1764000000041,
  Storage1764000000042,
  InstitutionSearch1764000000043,
  LanguagesOfMails1764000000044,
  HeldAppTokens1764000000045,
  OriginsOfLinks1764000000046,
  GoodTokens1764000000047,
  ErasureIndexes1764000000048,
];
