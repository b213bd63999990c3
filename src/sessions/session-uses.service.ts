import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { UseNotes } from '../database/use-notes.js';
import { SessionStore } from './sessions.store.js';

/** When sessions were last used. */
@Injectable()
export class SessionUses extends UseNotes implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(store: SessionStore) {
    super('sessions', (uses) => store.noteUses(uses));
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }
}
