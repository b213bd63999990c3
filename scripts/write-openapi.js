// Writes docs/openapi.json from what was built: `npm run openapi`. It needs no database: in Nest's preview mode
// modules are scanned, and nothing in them is made.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from '../dist/src/app.module.js';
import { loadConfig } from '../dist/src/config/config.js';
import { describeApi } from '../dist/src/openapi/docs.js';

const config = loadConfig({});
const surroundings = { config, connection: {}, secretKeys: [] };
const options = { preview: true, abortOnError: false, logger: ['error'] };
const app = await NestFactory.create(AppModule.with(surroundings), new FastifyAdapter(), options);
const description = JSON.stringify(describeApi(app, config.publicUrl), null, 2);
writeFileSync(new URL('../docs/openapi.json', import.meta.url), `${description}\n`);
