import { Module } from '@nestjs/common';
import { LogoController } from './logo.controller.js';

/** What visitors see of who runs this server, besides the pages themselves. */
@Module({ controllers: [LogoController] })
export class BrandModule {}
