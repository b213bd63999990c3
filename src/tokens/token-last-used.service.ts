import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LastUsedBuffer } from '../database/last-used-buffer.js';
import { TokenStore } from './tokens.store.js';

/** Buffers when tokens were last used. */
@Injectable()
export class TokenLastUsed extends LastUsedBuffer implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(store: TokenStore) {
    super('tokens', (uses) => store.writeLastUsed(uses));
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }
}
