import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Callers } from './callers.service.js';
import { ClientTokenStore } from './client-tokens.store.js';
import { TokenEntity } from './tokens.entity.js';
import { GatewayTokenStore } from './gateway-tokens.store.js';
import { GotThroughStore } from './got-through.store.js';
import { TokenStore } from './tokens.store.js';
import { TokenLastUsed } from './token-last-used.service.js';
import { Tokens } from './tokens.service.js';

/** The life of every opaque token. */
@Module({
  imports: [TypeOrmModule.forFeature([TokenEntity])],
  providers: [TokenStore, GatewayTokenStore, ClientTokenStore, GotThroughStore, TokenLastUsed, Callers, Tokens],
  exports: [Callers, Tokens],
})
export class TokensModule {}
