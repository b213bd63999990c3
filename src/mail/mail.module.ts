import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { Sweeper } from '../database/sweeper.service.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { PLACES } from './domain-shares.js';
import { FileTransport } from './file-transport.js';
import { MailQueue } from './mail-queue.service.js';
import { MailTransport } from './mail-transport.js';
import { MailWorker } from './mail-worker.service.js';
import { OutgoingMailEntity } from './outgoing-mails.entity.js';
import { OutgoingMailStore } from './outgoing-mails.store.js';
import { SmtpTransport } from './smtp-transport.js';

/** Outgoing mail: a queue in the database, and the worker that sends what is in it. */
@Module({
  // By name, as the commands have no MetricsModule of their own.
  imports: [MetricsModule, TypeOrmModule.forFeature([OutgoingMailEntity])],
  providers: [
    OutgoingMailStore,
    MailQueue,
    MailWorker,
    { provide: MailTransport, inject: [CONFIG], useFactory: transportFor },
  ],
  exports: [MailQueue],
})
export class MailModule {
  constructor(sweeper: Sweeper) {
    sweeper.add({ table: 'outgoing_mails', time: 'done_at', before: `now() - interval '7 days'` });
  }
}

function transportFor({ smtpUrl, mailFrom, dataDir }: Config): MailTransport {
  return smtpUrl === undefined
    ? new FileTransport(join(dataDir, 'mail'), mailFrom)
    : new SmtpTransport(smtpUrl, mailFrom, PLACES);
}
