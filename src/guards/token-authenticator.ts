import { Injectable } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.service.js';
import type { TokenKind } from '../tokens/token-kinds.js';
import type { VerifiedToken } from '../tokens/tokens.store.js';
import { Tokens } from '../tokens/tokens.service.js';

/** Tokens as requests show them. Each check is counted, none is audited: there are too many. */
@Injectable()
export class TokenAuthenticator {
  constructor(
    private readonly tokens: Tokens,
    private readonly metrics: Metrics,
  ) {}

  /**
   * @param shown a header; undefined: nothing was presented. One that was sent twice arrives joined by a comma, and so is
   *   no secret of any format
   * @returns the token, if it is good
   */
  async check(kind: TokenKind, shown: string | string[] | undefined): Promise<VerifiedToken | undefined> {
    return typeof shown === 'string' ? this.metrics.counted(kind, this.tokens.check(kind, shown)) : undefined;
  }
}
