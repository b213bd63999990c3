import { Module } from '@nestjs/common';
import { Exports } from './exports.service.js';

/** Moving out, and a person's right of access. */
@Module({ providers: [Exports], exports: [Exports] })
export class ExportsModule {}
