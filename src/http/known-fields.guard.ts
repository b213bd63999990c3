import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError, invalidParams, type FieldErrors } from '../errors/api-error.js';
import { isForm } from './body.js';
import {
  problemsOfNames,
  problemsOfRepeated,
  repeatedParameters,
  takenBy,
  unknownFields,
  unknownParameters,
  type Taken,
} from './known-fields.js';
import type { RequestValidation } from './request-validation.js';
import { requestOf } from './request-of.js';
import { routeOf } from './route-of.js';
import { IS_REQUIRED } from './validation.js';
import { fieldsOf } from './validation-rules.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether fields and parameters that it does not know are ignored. Otherwise they are refused. */
    ignoresUnknown?: boolean;
    /** Whether a change of nothing is good, and not a mistake. */
    acceptsEmptyChanges?: boolean;
  }
}

/** An example for the description. */
export const nothingToChange = () => new ApiError('bad_request', NOTHING_KNOWN, { fields: { account: [IS_REQUIRED] } });

const NOTHING_TO_CHANGE = 'The body has no fields: there is nothing to change.';
const NOTHING_KNOWN = 'The request body has no recognized fields.';

/**
 * Refuses fields and parameters that a route does not know, unless it ignores them, and changes without any field that it
 * knows. A guard rather than a pipe, as pipes only see what the handler takes. It comes after the one that asks who it is.
 */
export class KnownFieldsGuard implements CanActivate {
  constructor(private readonly validation: RequestValidation) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request = requestOf(context);
    const taken = takenBy(context.getClass(), context.getHandler());
    const refusal = refusalOf(request, taken);
    return refusal ? this.refuse(refusal, request, taken) : true;
  }

  /** Names what is wrong with the known fields too, so that nobody finds out one by one. */
  private async refuse({ code, message, details }: ApiError, request: FastifyRequest, taken: Taken): Promise<never> {
    const body = await this.problemsOf('body', request.body, taken.body);
    const query = await this.problemsOf('query', request.query, taken.query);
    const known = Object.entries({ ...body, ...query });
    const unknown = Object.entries(details.fields ?? {});
    // Where unknown fields are ignored, they are only named if nothing else is wrong.
    const ignores = routeOf(request).config.ignoresUnknown && known.length > 0;
    const fields = Object.fromEntries(ignores ? known : [...known, ...unknown]);
    throw new ApiError(code, message, isEmpty(fields) ? {} : { fields });
  }

  private async problemsOf(type: 'body' | 'query', value: unknown, metatype?: Type<object>): Promise<FieldErrors> {
    if (!metatype) return {};
    try {
      await this.validation.transform({ ...(value as object | undefined) }, { type, metatype });
      return {};
    } catch (error) {
      if (error instanceof ApiError && error.details.fields) return error.details.fields;
      throw error;
    }
  }
}

function refusalOf(request: FastifyRequest, taken: Taken): ApiError | undefined {
  const { ignoresUnknown } = routeOf(request).config;
  if (ignoresUnknown && request.method === 'GET') return undefined;
  const query = request.query as object;
  const body = request.body ?? {};
  const changesNothing = isVoid(request, body, taken);
  // A browser's form sends its button.
  const ignoresFields = (ignoresUnknown ?? isForm(request)) && !changesNothing;
  const repeated = ignoresUnknown ? [] : repeatedParameters(query);
  const parameters = ignoresUnknown ? [] : unknownParameters(query, taken);
  const names = ignoresFields ? [] : unknownFields(body, taken.body);
  if (!changesNothing && [repeated, parameters, names].every(isEmpty)) return undefined;
  const fields = {
    ...problemsOfRepeated(repeated),
    ...problemsOfNames('query parameter', parameters),
    ...problemsOfNames('field', names),
  };
  if (changesNothing) {
    return new ApiError('bad_request', isEmpty(body) ? NOTHING_TO_CHANGE : NOTHING_KNOWN, { fields });
  }
  return invalidParams(fields);
}

/** Whether it is a change without any field that is known, where that is a mistake. */
function isVoid(request: FastifyRequest, body: object, { body: type }: Taken): boolean {
  const { method } = request;
  if ((method !== 'PATCH' && method !== 'PUT') || !type) return false;
  if (isEmpty(body)) return !routeOf(request).config.acceptsEmptyChanges;
  const known = fieldsOf(type);
  return !Object.keys(body).some((name) => known.includes(name));
}

const isEmpty = (object: object) => Object.keys(object).length === 0;
