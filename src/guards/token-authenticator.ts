import { Injectable } from '@nestjs/common';
import type { MaybePromise } from '../http/maybe-promise.js';
import { Metrics } from '../metrics/metrics.service.js';
import type { TokenKind } from '../tokens/token-kinds.js';
import type { VerifiedToken } from '../tokens/verified-tokens.store.js';
import { Tokens } from '../tokens/tokens.service.js';

/** Checks the tokens that requests present. Checks are counted, and not in the audit log: there are too many. */
@Injectable()
export class TokenAuthenticator {
  constructor(
    private readonly tokens: Tokens,
    private readonly metrics: Metrics,
  ) {}

  /**
   * @param shown the value of a header; undefined: it was not sent. A header that was sent twice arrives joined by a
   *   comma, which no format accepts
   * @returns the token, if it is valid
   */
  check(kind: TokenKind, shown: string | string[] | undefined): MaybePromise<VerifiedToken | undefined> {
    return typeof shown === 'string' ? this.metrics.counted(kind, this.tokens.check(kind, shown)) : undefined;
  }

  /** See {@link Tokens.findRevoked}. */
  findRevoked(kind: TokenKind, secret: string): Promise<string | undefined> {
    return this.tokens.findRevoked(kind, secret);
  }
}
