import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { UseNotes } from '../database/use-notes.js';
import { TokenStore } from './tokens.store.js';

/** When tokens were last used. */
@Injectable()
export class TokenUses extends UseNotes implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(store: TokenStore) {
    super('tokens', (uses) => store.noteUses(uses));
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }
}
