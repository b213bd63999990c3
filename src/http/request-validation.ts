import { ValidationPipe, type ArgumentMetadata, type PipeTransform, type Type } from '@nestjs/common';
import { ValidationError, type ValidatorOptions } from 'class-validator';
import type { EntityManager } from 'typeorm';
import type { Config } from '../config/config.js';
import { invalidParams, type FieldErrors } from '../errors/api-error.js';
import { fieldsNamingAccounts, withAccountIds } from './account-ids.js';
import { after, type MaybePromise } from './maybe-promise.js';
import { FieldNotes } from './field-notes.js';
import { readFlat } from './reading.js';
import { fieldsOf, hasPlainRules, keepsRules, rememberRules } from './validation-rules.js';

rememberRules();

/**
 * Turns bodies and queries into the DTOs of the routes, and names every field that is wrong at once, each with its first
 * problem. Unknown fields are dropped; where they are refused, `known-fields.guard.ts` does that. Ids of accounts are UUIDs from
 * here on; see `account-ids.ts`.
 */
export class RequestValidation implements PipeTransform {
  private readonly thorough: ThoroughValidation;

  constructor(
    private readonly config: Config,
    private readonly manager: EntityManager,
  ) {
    this.thorough = new ThoroughValidation(config);
  }

  /** Answers at once where nothing is wrong, and nothing has to be looked up. @throws ApiError `invalid_params` */
  transform(value: unknown, metadata: ArgumentMetadata): MaybePromise<unknown> {
    const type = metadata.metatype as Type<object> | undefined;
    // A parameter of its own.
    if (type === String && typeof value === 'string') return value;
    const isRead = metadata.type === 'body' || metadata.type === 'query';
    const good = type && isRead ? readGood(value, type, this.config) : undefined;
    const read = good ?? (this.thorough.transform(value, metadata) as Promise<unknown>);
    const naming = type ? fieldsNamingAccounts(type) : [];
    return naming.length === 0 ? read : after(read, (fields) => withAccountIds(this.manager, fields, naming));
  }
}

/** @returns what a good object of fields without objects in them is read as; undefined: it has to be looked at thoroughly */
export function readGood(value: unknown, type: Type<object>, config: Config): object | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !hasPlainRules(type)) return undefined;
  const known = fieldsOf(type);
  const isFlat = Object.entries(value).every(([name, field]) => known.includes(name) && isFlatField(field));
  if (!isFlat || known.length === 0) return undefined;
  const fields = readFlat(type, value);
  return keepsRules(fields, type) && keepsSettings(fields, type, config) ? fields : undefined;
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Whether it is no object, nor a list of any. */
const isFlatField = (value: unknown) => (Array.isArray(value) ? !value.some(isObject) : !isObject(value));

/** Says what is wrong. */
export class ThoroughValidation extends ValidationPipe {
  constructor(private readonly config: Config) {
    super({
      transform: true,
      whitelist: true,
      stopAtFirstError: true,
      exceptionFactory: (errors: ValidationError[]) => invalidParams(fieldErrors(errors)),
    });
  }

  protected override async validate(object: object, options?: ValidatorOptions): Promise<ValidationError[]> {
    return addProblems(object, await super.validate(object, options), this.config);
  }
}

/**
 * A check that depends on the settings, or on other fields of the object.
 *
 * @returns what is wrong with the value; undefined: nothing
 */
export type SettingsCheck = (value: unknown, object: object, config: Config) => string | undefined;

const settingsChecks = new FieldNotes<{ check: SettingsCheck }>();

/**
 * The field is also checked in this way, if nothing else is wrong with it; and when it is absent, or a null that is no value of it,
 * too.
 */
export function ChecksBySettings(check: SettingsCheck): PropertyDecorator {
  return (target, property) => {
    settingsChecks.add(target, property, { check });
  };
}

const keepsSettings = (fields: Record<string, unknown>, type: Type<object>, config: Config) =>
  settingsChecks.of(type).every(({ property, check }) => check(fields[property], fields, config) === undefined);

/** @returns the given problems, and those that {@link ChecksBySettings} finds in fields without one */
function addProblems(object: object, errors: ValidationError[], config: Config): ValidationError[] {
  const fields = object as Record<string, unknown>;
  const found = [...errors];
  for (const { property, check } of settingsChecks.of(object.constructor as Type<object>)) {
    const earlier = found.find((error) => error.property === property);
    // A null that is no value of the field counts as absent.
    if (earlier && fields[property] !== null) continue;
    const problem = check(earlier ? undefined : fields[property], object, config);
    if (problem === undefined) continue;
    const constraints = { settings: problem };
    if (earlier) earlier.constraints = constraints;
    else found.push(problemWith(property, { constraints }));
  }
  for (const property of Object.keys(fields).filter((name) => nestedType(object.constructor as Type<object>, name))) {
    // It may be absent.
    if (fields[property] === undefined) continue;
    const earlier = found.find((error) => error.property === property);
    if (earlier?.constraints) continue;
    const children = addProblems(fields[property] as object, earlier?.children ?? [], config);
    if (earlier) earlier.children = children;
    else if (children.length > 0) found.push(problemWith(property, { children }));
  }
  return found;
}

const problemWith = (property: string, what: Partial<ValidationError>) =>
  Object.assign(new ValidationError(), { property, ...what });

const NESTED = Symbol('class of a nested object');

/** Remembers the class of an object in a field; see {@link nestedType}. */
export function RemembersNested(type: () => Type<object>): PropertyDecorator {
  return (target, property) => {
    Reflect.defineMetadata(NESTED, type, target, property);
  };
}

/** @returns the class of the object that a field holds; undefined: it holds none */
export function nestedType(type: Type<object>, property: string): Type<object> | undefined {
  const prototype = (type as { prototype?: object }).prototype;
  return prototype && (Reflect.getMetadata(NESTED, prototype, property) as (() => Type<object>) | undefined)?.();
}

/** Fields are named without the objects that contain them. */
function fieldErrors(errors: ValidationError[]): FieldErrors {
  return Object.assign(
    {},
    ...errors.map(({ property, constraints, children }) => ({
      ...(constraints && { [property]: Object.values(constraints) }),
      ...fieldErrors(children ?? []),
    })),
  ) as FieldErrors;
}
