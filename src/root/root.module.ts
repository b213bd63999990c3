import { Module } from '@nestjs/common';
import { RootController } from './root.controller.js';

/** The bare address of a server. */
@Module({ controllers: [RootController] })
export class RootModule {}
