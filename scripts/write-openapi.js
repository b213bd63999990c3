// Writes docs/openapi.json from the build, and the tables of docs/permissions.md from that: `npm run openapi`. Needs no
// database, as in Nest's preview mode modules are scanned but not instantiated.
import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { format, resolveConfig } from 'prettier';
import { AppModule } from '../dist/src/app.module.js';
import { loadConfig } from '../dist/src/config/config.js';
import { describeApi } from '../dist/src/openapi/docs.js';
import { writePermissions } from './permissions.js';

const config = loadConfig({});
const options = { config, connection: {}, secretKeys: [] };
const nest = { preview: true, abortOnError: false, logger: ['error'] };
const app = await NestFactory.create(AppModule.with(options), new FastifyAdapter(), nest);
const description = JSON.stringify(describeApi(app, config.publicUrl), null, 2);
writeFileSync(new URL('../docs/openapi.json', import.meta.url), `${description}\n`);

const permissions = new URL('../docs/permissions.md', import.meta.url);
const { page, problems } = writePermissions(readFileSync(permissions, 'utf8'), JSON.parse(description));
const style = { ...(await resolveConfig(permissions)), parser: 'markdown' };
writeFileSync(permissions, await format(page, style));
for (const problem of problems) console.warn(`docs/permissions.md: ${problem}`);
