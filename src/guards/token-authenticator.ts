import { Injectable } from '@nestjs/common';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import type { LabelledCounter } from '../metrics/labelled-counter.js';
import { Metrics } from '../metrics/metrics.service.js';
import { TOKEN_KINDS, type TokenKind } from '../tokens/token-kinds.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import { Tokens } from '../tokens/tokens.service.js';

/** Checks the tokens that requests present. Checks are counted, and not in the audit log: there are too many. */
@Injectable()
export class TokenAuthenticator {
  private readonly refusals: LabelledCounter<'kind' | 'reason'>;

  constructor(
    private readonly tokens: Tokens,
    private readonly metrics: Metrics,
  ) {
    this.refusals = metrics.counter(
      'latchkey_token_refusals_total',
      'Total number of tokens that were refused by kind and reason: malformed (it has not the form of ours), or invalid (it is none, has ended, or may not be used).',
      ['kind', 'reason'],
    );
  }

  /**
   * @param shown the value of a header; undefined: it was not sent. A header that was sent twice arrives joined by a
   *   comma, which no format accepts
   * @returns the token, if it is valid
   */
  check(kind: TokenKind, shown: string | string[] | undefined): MaybePromise<VerifiedToken | undefined> {
    if (typeof shown !== 'string') return undefined;
    return after(this.metrics.counted(kind, this.tokens.check(kind, shown)), (token) => {
      if (!token) this.refusals.inc({ kind, reason: isLikely(kind, shown) ? 'invalid' : 'malformed' });
      return token;
    });
  }

  /** See {@link Tokens.findRevoked}. */
  findRevoked(kind: TokenKind, secret: string): Promise<string | undefined> {
    return this.tokens.findRevoked(kind, secret);
  }
}

const isLikely = (kind: TokenKind, secret: string) => TOKEN_KINDS[kind].format.recognises(secret);
