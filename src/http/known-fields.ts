import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { nearest } from '../config/nearest.js';
import type { FieldErrors } from '../errors/api-error.js';
import { nestedType } from './request-validation.js';
import { isRefusedField } from './validation.js';
import { fieldsOf } from './validation-rules.js';

/** What the handler of a route takes from a request. */
export interface Taken {
  /** The class of the body; undefined: it takes none. */
  body: Type<object> | undefined;
  /** The class of the query; undefined: it takes single parameters, or none. */
  query: Type<object> | undefined;
  /** The names of all parameters in the query. */
  parameters: string[];
}

const taken = new WeakMap<object, Taken>();

/** @returns what a handler takes, by the decorators of its parameters */
export function takenBy(controller: Type, handler: object & { name: string }): Taken {
  const known = taken.get(handler) ?? readTaken(controller, handler.name);
  taken.set(handler, known);
  return known;
}

function readTaken(controller: Type, method: string): Taken {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { index: number; data?: unknown }
  >;
  const types = (Reflect.getMetadata('design:paramtypes', controller.prototype as object, method) ??
    []) as Type<object>[];
  const of = (kind: RouteParamtypes) =>
    Object.entries(args)
      .filter(([key]) => key.startsWith(`${kind}:`))
      .map(([, arg]) => arg);
  const whole = (kind: RouteParamtypes) => of(kind).find(({ data }) => data === undefined);
  const typeOf = (kind: RouteParamtypes) => {
    const type = types[whole(kind)?.index ?? -1];
    return type && fieldsOf(type).length > 0 ? type : undefined;
  };
  const query = typeOf(RouteParamtypes.QUERY);
  const single = of(RouteParamtypes.QUERY).flatMap(({ data }) => (typeof data === 'string' ? [data] : []));
  return { body: typeOf(RouteParamtypes.BODY), query, parameters: [...single, ...(query ? fieldsOf(query) : [])] };
}

/** How many unknown names get a suggestion: each is compared with every known one. */
const MOST_SUGGESTIONS = 20;
/** An answer repeats a name up to here. */
const LONGEST_SHOWN = 100;

const shown = (name: string) => (name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}…` : name);

/** A name that is not known. */
export interface UnknownName {
  name: string;
  path: string;
  /** The names that there may be; those included that are known in order to be refused, which are not suggested. */
  declared: string[];
  /** The class that declares them; undefined: none does. */
  type: Type<object> | undefined;
}

const suggestible = (declared: string[], type: Type<object> | undefined) =>
  declared.filter((name) => !(type && isRefusedField(type, name)));

/** @returns a message for each name that is not known, with the known one that was probably meant */
export function problemsOfNames(what: string, names: UnknownName[]): FieldErrors {
  return Object.fromEntries(
    names.map(({ name, path, declared, type }, index) => {
      const meant = index < MOST_SUGGESTIONS ? nearest(name, suggestible(declared, type)) : undefined;
      const place = path.slice(0, path.length - name.length);
      const hint = meant === undefined ? '' : ` Did you mean ${place}${meant}?`;
      return [shown(path), [`Unknown ${what}: ${shown(path)}.${hint}`]];
    }),
  );
}

/** The fields of a body that its class does not declare; those of objects in it with their path. */
export function unknownFields(body: object, type: Type<object> | undefined, path = ''): UnknownName[] {
  const declared = type ? fieldsOf(type) : [];
  const unknown: UnknownName[] = [];
  for (const [name, value] of Object.entries(body) as [string, unknown][]) {
    if (!declared.includes(name)) unknown.push({ name, path: `${path}${name}`, declared, type });
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const inner = type && nestedType(type, name);
      if (inner) unknown.push(...unknownFields(value, inner, `${path}${name}.`));
    }
  }
  return unknown;
}

/** The parameters of a query that its route does not know. */
export function unknownParameters(query: object, { parameters: declared, query: type }: Taken): UnknownName[] {
  return Object.keys(query)
    .filter((name) => !declared.includes(name))
    .map((name) => ({ name, path: name, declared, type }));
}

/** The parameters of a query that are given more than once: which of the values holds would be a guess. */
export const repeatedParameters = (query: object): string[] =>
  Object.entries(query).flatMap(([name, value]) => (Array.isArray(value) ? [name] : []));

export const problemsOfRepeated = (names: string[]): FieldErrors =>
  Object.fromEntries(names.map((name) => [name, ['must be given once']]));
