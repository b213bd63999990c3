import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { CONFIG, type Config } from '../config/config.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import type { OpenSession } from './open-session.js';

/** The tokens of an open session. */
export interface TokenPair {
  token: string;
  refresh_token?: string;
}

/** The claims of a session JWT, as the account document shows them, and `sid`, the session's id. */
export interface SessionClaims {
  data: { id: string; type: 'accounts'; attributes: { email: string } };
  sub: 'account';
  sid: string;
  iss: string;
  /** With SESSION_AUDIENCE. */
  aud?: string[];
  iat: number;
  exp: number;
  jti: string;
}

/** Issues the tokens of sessions. Neither is stored: the JWT is signed, the refresh token derived. */
@Injectable()
export class SessionTokens {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly signingKeys: SigningKeys,
    private readonly secretKeys: SecretKeys,
  ) {}

  /** @returns a JWT and, if the session can be refreshed, the refresh token of its current counter */
  async issue(session: OpenSession): Promise<TokenPair> {
    const token = await this.signJwt(session);
    if (!session.refreshable) return { token };
    return { token, refresh_token: this.secretKeys.sign('refresh-token', `${session.id}.${session.refreshCounter}`) };
  }

  /** @returns the content of a refresh token, if it is genuine; whether it is still valid only the database knows */
  readRefreshToken(token: string): { id: string; counter: number } | undefined {
    const [, id, counter] =
      /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(this.secretKeys.verify('refresh-token', token) ?? '') ?? [];
    return id === undefined ? undefined : { id, counter: Number(counter) };
  }

  private async signJwt(session: OpenSession): Promise<string> {
    const { kid, algorithm: alg, privateKey } = await this.signingKeys.current();
    const { publicUrl, sessionAudience: audience } = this.config;
    const claims: SessionClaims = {
      data: { id: session.accountId, type: 'accounts', attributes: { email: session.email } },
      sub: 'account',
      sid: session.id,
      iss: publicUrl,
      // Latchkey is one too, and checks that: so it takes what was issued before another audience was set.
      ...(audience.length > 0 && { aud: [...new Set([publicUrl, ...audience])] }),
      iat: session.issuedAt,
      exp: session.accessExpiresAt,
      jti: randomUUID(),
    };
    return new SignJWT({ ...claims }).setProtectedHeader({ typ: 'JWT', alg, kid }).sign(privateKey);
  }
}
