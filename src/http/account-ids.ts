import { randomUUID } from 'node:crypto';
import { Injectable, Param, type PipeTransform, type Type } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { FieldNotes } from './field-notes.js';
import type { MaybePromise } from './maybe-promise.js';
import { isUuid } from './validation.js';

const LEGACY_ID = /^[0-9a-f]{24}$/i;

/** What an account's id is described as wherever a request may have one. */
const ACCOUNT_ID = {
  type: 'string',
  pattern: '^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{24})$',
  maxLength: 36,
} as const;

const MAY_BE_LEGACY = 'A UUID, or the `legacy_id` of an account that was imported';

/** Whether a text is what imported accounts may be called beside their UUID: 24 hexadecimal characters. */
export const isLegacyId = (value: unknown): value is string => typeof value === 'string' && LEGACY_ID.test(value);

/** The options of a field that has the id of an account. */
export const accountIdSchema = (description: string) => ({
  ...ACCOUNT_ID,
  description: `${description.replace(/\.?$/, '.')} ${MAY_BE_LEGACY}`,
});

/** @returns the id of the account with this `legacy_id` */
async function findByLegacyId(manager: EntityManager, legacyId: string): Promise<string | undefined> {
  const [row] = await sql<{ id: string }>(manager, 'SELECT id FROM accounts WHERE legacy_id = $1', [
    legacyId.toLowerCase(),
  ]);
  return row?.id;
}

/** @returns the id of the account that a text names by its `legacy_id`; whatever else it is, the text itself */
export function accountIdOf(manager: EntityManager, text: string): MaybePromise<string> {
  return isLegacyId(text) ? findByLegacyId(manager, text).then((id) => id ?? text) : text;
}

/** Of a path: see {@link AccountIdParam}. */
@Injectable()
export class AccountIdPipe implements PipeTransform<string, MaybePromise<string>> {
  constructor(private readonly manager: EntityManager) {}

  transform(text: string): MaybePromise<string> {
    return accountIdOf(this.manager, text);
  }
}

/** The `id` in the path of a route, which is an account's. The handler only ever sees it as a UUID, if there is such an account. */
export const AccountIdParam = (): ParameterDecorator => Param('id', AccountIdPipe);

/** Describes {@link AccountIdParam}. */
export const ApiAccountId = (example: string): MethodDecorator => {
  const { description, ...schema } = accountIdSchema('The id of the account');
  return ApiParam({ name: 'id', description, schema: { ...schema, example } });
};

/** A field that names an account. */
export interface NamingField {
  property: string;
  /** Whether it may name other things too. */
  isFree: boolean;
}

/** The field names an account. Its handler only ever sees a UUID. @param options.isFree it may be any other text too */
export function NamesAccount({ isFree = false } = {}): PropertyDecorator {
  return (target, property) => {
    naming.add(target, property, { isFree });
  };
}

const naming = new FieldNotes<{ isFree: boolean }>();

/** @returns the fields of a body or a query that name accounts */
export const fieldsNamingAccounts = (type: Type<object>): readonly NamingField[] => naming.of(type);

/** @returns a body or a query that has been checked, with UUIDs in the place of every `legacy_id` */
export function withAccountIds(
  manager: EntityManager,
  read: unknown,
  naming: readonly NamingField[],
): MaybePromise<Record<string, unknown>> {
  const fields = read as Record<string, unknown>;
  const legacy = naming.filter(({ property }) => isLegacyId(fields[property]));
  return legacy.length === 0 ? fields : replaceLegacyIds(manager, fields, legacy);
}

async function replaceLegacyIds(
  manager: EntityManager,
  fields: Record<string, unknown>,
  legacy: readonly NamingField[],
): Promise<Record<string, unknown>> {
  for (const { property, isFree } of legacy) {
    const text = fields[property] as string;
    // Nobody has this one: an unknown account is found nowhere, however it is named.
    fields[property] = (await findByLegacyId(manager, text)) ?? (isFree ? text : randomUUID());
  }
  return fields;
}

/** The string is a UUID or a `legacy_id`. */
export function IsAccountId(message = 'must be a UUID or 24 hexadecimal characters'): PropertyDecorator {
  return ValidateBy({
    name: 'isAccountId',
    validator: { validate: (value) => isUuid(value) || isLegacyId(value), defaultMessage: () => message },
  });
}
