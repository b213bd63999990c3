import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { MISSING } from '../../src/errors/dialects.js';
import { INVALID_ID } from '../../src/http/validation.js';

type Dto = new () => object;

const SOURCES = new URL('../../src/', import.meta.url);
const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.dto.ts'));
const exported: unknown[] = [];
// One after the other, as Jest links modules.
for (const file of files) {
  const module = (await import(new URL(file, SOURCES).href)) as Record<string, unknown>;
  exported.push(...Object.values(module));
}
/** Every class that describes a body or a query. */
const dtos = exported.filter((one) => typeof one === 'function' && rulesOf(one).length > 0) as Dto[];

function rulesOf(type: object) {
  return getMetadataStorage().getTargetValidationMetadatas(type as Dto, '', false, false);
}

/** @returns the first problem of each field, as a request with it is told */
function problemsOf(dto: Dto, fields: object): [field: string, problem: string | undefined][] {
  const errors: ValidationError[] = validateSync(plainToInstance(dto, fields), { stopAtFirstError: true });
  return errors.map(({ property, constraints }) => [property, Object.values(constraints ?? {})[0]]);
}

describe('What is said of a required field', () => {
  const required = dtos.map((dto) => ({ dto, fields: problemsOf(dto, {}).map(([field]) => field) }));

  it('is looked at for every body and every query', () => {
    expect(required.filter(({ fields }) => fields.length > 0).length).toBeGreaterThan(15);
  });

  it.each([undefined, null])('is that it is required, if it is %s', (nothing) => {
    for (const { dto, fields } of required) {
      const empty = Object.fromEntries(fields.map((field) => [field, nothing]));
      for (const [field, problem] of problemsOf(dto, empty)) {
        expect([dto.name, field, problem]).toEqual([dto.name, field, expect.stringMatching(wordsOf(dto) ?? SAID)]);
      }
    }
  });

  it('is not said of a value of the wrong type', () => {
    for (const { dto, fields } of required) {
      for (const [field, problem] of problemsOf(dto, Object.fromEntries(fields.map((field) => [field, Symbol()])))) {
        expect([dto.name, field, problem]).toEqual([dto.name, field, expect.not.stringMatching(SAID)]);
      }
    }
  });
});

/** What a document says of an id, whatever is wrong with it. */
const wordsOf = ({ name }: Dto) => (name === 'NewToken' ? INVALID_ID : undefined);

/** The second is of a document, which lists the names in one message. */
const SAID = new RegExp(`^(is required|${MISSING})$`);
