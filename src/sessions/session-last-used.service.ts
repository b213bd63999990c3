import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LastUsedBuffer } from '../database/last-used-buffer.js';
import { SessionStore } from './sessions.store.js';

/** Buffers when sessions were last used. */
@Injectable()
export class SessionLastUsed extends LastUsedBuffer implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(store: SessionStore) {
    super('sessions', (uses) => store.writeLastUsed(uses));
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }
}
