import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Callers } from './callers.service.js';
import { ClientTokenStore } from './client-tokens.store.js';
import { TokenEntity } from './tokens.entity.js';
import { ForeignTokenStore } from './foreign-tokens.store.js';
import { ForeignTokens } from './foreign-tokens.service.js';
import { GatewayTokenStore } from './gateway-tokens.store.js';
import { GotThroughStore } from './got-through.store.js';
import { ApiGrantStore } from './api-grants.store.js';
import { ClientGrantStore } from './client-grants.store.js';
import { NewTokenStore } from './new-tokens.store.js';
import { TokenIssuer } from './token-issuer.service.js';
import { TokenReadStore } from './token-reads.store.js';
import { TokenStore } from './tokens.store.js';
import { TokenLastUsed } from './token-last-used.service.js';
import { Tokens } from './tokens.service.js';
import { UserGrantStore } from './user-grants.store.js';
import { VerifiedTokenStore } from './verified-tokens.store.js';

/** The life of every opaque token. */
@Module({
  imports: [TypeOrmModule.forFeature([TokenEntity])],
  providers: [
    TokenStore,
    TokenReadStore,
    NewTokenStore,
    ApiGrantStore,
    ClientGrantStore,
    UserGrantStore,
    VerifiedTokenStore,
    TokenIssuer,
    GatewayTokenStore,
    ClientTokenStore,
    GotThroughStore,
    ForeignTokenStore,
    ForeignTokens,
    TokenLastUsed,
    Callers,
    Tokens,
  ],
  exports: [Callers, ForeignTokens, TokenIssuer, Tokens],
})
export class TokensModule {}
