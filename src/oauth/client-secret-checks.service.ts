import { hash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { AuthenticatedClient } from '../access/principal.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { tooManyAttempts } from '../errors/api-error.js';
import { addressForLimits, siteOf } from '../http/client-address.js';
import type { MaybePromise } from '../http/maybe-promise.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { readHash } from '../passwords/password-hashes.js';
import { CacheMetrics } from '../metrics/cache-metrics.js';
import type { RevocationTag } from '../revocations/revocation-tags.js';
import { Revocations } from '../revocations/revocations.service.js';
import { VerifiedCache, type Verified } from '../revocations/verified-cache.js';
import { digestOf, hintOf } from '../tokens/digest.js';
import { isClientId, isTooLongToGuess } from './oauth-clients.service.js';
import { OauthClientStore, type ClientSecret } from './oauth-clients.store.js';

/** How many authenticated clients a process caches. */
const REMEMBERED = 10_000;
/** How many times the limit for one client and address is allowed for one client and a /48 or /24, and for all clients and an address. */
const SITE = 5;
const ALL_CLIENTS = 10;

/** A secret that somebody knows. */
interface Match {
  secret: ClientSecret;
  /** What they have shown, where only the hash of another service is known of it. */
  foreign?: string;
}

/** Checks the secrets that OAuth2 clients show. */
@Injectable()
export class ClientSecretChecks {
  private readonly verified: VerifiedCache<AuthenticatedClient>;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: OauthClientStore,
    private readonly hasher: PasswordHasher,
    private readonly limits: Limits,
    private readonly audit: AuditLog,
    revocations: Revocations,
    caches: CacheMetrics,
  ) {
    this.verified = new VerifiedCache(revocations, REMEMBERED);
    caches.watch('clients', this.verified);
  }

  /** Authenticates a client by its id and secret. Nothing else does.
   * @param shown `raw`: another text that may be meant by the secret
   * @param address of the request, as failed attempts are counted (RFC 6749 section 2.3.1)
   * @returns the client, if it has this secret and its owner is an enabled admin; no promise where it is remembered
   * @throws ApiError `rate_limited`
   */
  authenticate(
    { id, secret, raw }: { id: string; secret: string; raw?: string },
    address: string,
  ): MaybePromise<AuthenticatedClient | undefined> {
    if (!isClientId(id)) return undefined;
    const candidates = raw === undefined ? [secret] : [secret, raw];
    const key = `${id} ${candidates.map((one) => hash('sha256', one, 'base64')).join(' ')}`;
    if (!candidates.every(isTooLongToGuess)) return this.checkGuess(key, id, candidates, address);
    return this.verified.known(key) ?? this.checkSecret(key, id, candidates, address);
  }

  /** What is cached would tell which guess is right, so it is only for the address that has shown it, and for nobody beyond the limits. */
  private checkGuess(
    key: string,
    id: string,
    candidates: string[],
    address: string,
  ): MaybePromise<AuthenticatedClient | undefined> {
    const { own, site } = this.limitsFor(id, address);
    const fromHere = `${key} ${own.key}`;
    const refusedFor = this.limits.knownToBeReached([own, site]);
    if (refusedFor !== undefined) return Promise.reject(tooManyAttempts(refusedFor));
    return this.verified.known(fromHere) ?? this.checkSecret(fromHere, id, candidates, address);
  }

  private async checkSecret(
    key: string,
    id: string,
    candidates: string[],
    address: string,
  ): Promise<AuthenticatedClient | undefined> {
    const client = await this.verified.get(key, () => this.findWithinLimits(id, candidates, address));
    if (!client) {
      // An unknown id may be a secret that was sent in the wrong place.
      const subject = (await this.store.exists(id)) ? { subject: id } : {};
      await this.audit.recordAlone({ kind: 'sign_in', outcome: 'failure', ...subject });
    }
    return client;
  }

  /** @returns the scopes of a client, if it is still good and still has the secret that it presented */
  scopesOf({ clientId, secretId }: AuthenticatedClient): Promise<string[] | undefined> {
    return this.store.scopesOf(clientId, secretId);
  }

  /** What others have made may be guessed, and a hash of theirs takes time to compare. */
  private async findWithinLimits(
    id: string,
    candidates: string[],
    address: string,
  ): Promise<Verified<AuthenticatedClient> | undefined> {
    const secrets = await this.store.secretsOf(id);
    const known = findByDigest(secrets, candidates);
    const hashed = known ? [] : secrets.filter(({ foreignHash }) => foreignHash !== null);
    const find = async () => known ?? (await this.findByHash(hashed, candidates));
    const { own, site, all } = this.limitsFor(id, address);
    const cannotBeGuessed = secrets.length === 0 || (candidates.every(isTooLongToGuess) && hashed.length === 0);
    const match = await (cannotBeGuessed
      ? this.limits.countFailure([own, all], find)
      : this.limits.countGuess([own, site], [all], find));
    return match && this.accept(match);
  }

  /** Finds a secret of which only the hash of another service is known. */
  private async findByHash(secrets: ClientSecret[], candidates: string[]): Promise<Match | undefined> {
    for (const foreign of candidates) {
      for (const secret of secrets) {
        const hash = readHash(secret.foreignHash ?? '');
        if (hash && (await this.hasher.matches(foreign, hash))) return { secret, foreign };
      }
    }
    return undefined;
  }

  /** Notes the use of a secret. Of one of which only a hash was known, the digest is kept from then on. */
  private async accept({ secret, foreign }: Match): Promise<Verified<AuthenticatedClient>> {
    if (foreign !== undefined)
      await this.store.renewSecret(secret, { digest: digestOf(foreign), hint: hintOf(foreign) });
    const { clientId, scopes, secretId, ownerId, lineageTags, expiresIn } = secret;
    await this.store.noteUse(secretId);
    const tags: RevocationTag[] = [`client ${clientId}`, ...(ownerId === null ? [] : [`account ${ownerId}` as const])];
    return { value: { clientId, scopes, secretId }, tags: [...tags, ...(lineageTags ?? [])], expiresIn };
  }

  private limitsFor(id: string, address: string): Record<'own' | 'site' | 'all', Limit> {
    const { loginMaxFailures: most, loginFailureWindow: seconds } = this.config;
    const from = addressForLimits(address);
    return {
      own: { key: `client ${id} ${from}`, most, seconds },
      site: { key: `client ${id} site ${siteOf(address)}`, most: most * SITE, seconds },
      all: { key: `clients ${from}`, most: most * ALL_CLIENTS, seconds },
    };
  }
}

function findByDigest(secrets: ClientSecret[], candidates: string[]): Match | undefined {
  const digests = candidates.map(digestOf);
  const secret = secrets.find(({ digest }) => digests.some((one) => timingSafeEqual(digest, one)));
  return secret && { secret };
}
