import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ForeignTokens } from '../tokens/foreign-tokens.service.js';
import { PasswordHasher } from './password-hasher.js';

/** Hashes the keys of another service in the line of passwords: nobody who signs in waits for a crowd of unknown keys. */
@Injectable()
export class ForeignKeyHashing implements OnModuleInit {
  constructor(
    private readonly tokens: ForeignTokens,
    private readonly hasher: PasswordHasher,
  ) {}

  onModuleInit(): void {
    this.tokens.hashWith((text, salt) => this.hasher.withSalt(text, salt));
  }
}
