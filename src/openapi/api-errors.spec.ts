import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { DECORATORS } from '@nestjs/swagger';
import { ApiError, invalidParams, unauthorized } from '../errors/api-error.js';
import { ApiErrors } from './api-errors.js';

interface Described {
  description: string;
  headers?: Record<string, { example: unknown }>;
  content: Record<
    'application/json',
    { schema: object; example?: object; examples?: Record<string, { value: object }> }
  >;
}

/** @returns what is described of each status */
function describedBy(...given: Parameters<typeof ApiErrors>): Record<string, Described> {
  const route = () => undefined;
  ApiErrors(...given)(route, 'route', { value: route });
  return Reflect.getMetadata(DECORATORS.API_RESPONSE, route) as Record<string, Described>;
}

const mediaOf = (described: Described | undefined) => described?.content['application/json'];

describe('ApiErrors', () => {
  it('describes what every route has', () => {
    expect(Object.keys(describedBy('account'))).toEqual(['400', '500', '503']);
    expect(Object.keys(describedBy('plain'))).toEqual(['400', '500', '503']);
  });

  it('shows a code by a general example, and an error as it is', () => {
    const general = describedBy('account', 'unauthorized')['401'];
    expect(mediaOf(general)?.example).toEqual({ id: 'unauthorized', message: 'The session has ended.' });
    expect(general?.headers?.['WWW-Authenticate']?.example).toBe('Bearer realm="latchkey"');
    const special = describedBy('account', 'unauthorized', unauthorized('No.', 'Basic'))['401'];
    expect(mediaOf(special)?.example).toEqual({ id: 'unauthorized', message: 'No.' });
    expect(special?.headers?.['WWW-Authenticate']?.example).toBe('Basic');
    expect(special?.description).toBe(general?.description);
  });

  it('shows all that share a status', () => {
    const errors = [
      invalidParams({ a: ['is bad'] }),
      invalidParams({ b: ['is bad'] }),
      new ApiError('forbidden', 'No.'),
    ];
    const described = describedBy('app-token', ...errors);
    expect(mediaOf(described['403'])?.example).toEqual({ errors: { request: 'No.' } });
    expect(mediaOf(described['400'])?.examples).toEqual({
      bad_request: { summary: expect.any(String), value: { errors: { request: 'The body is not valid JSON.' } } },
      invalid_params: { summary: expect.any(String), value: { errors: { a: 'is bad' } } },
      invalid_params_2: { summary: expect.any(String), value: { errors: { b: 'is bad' } } },
    });
  });

  it('gives bodies with the same fields the same schema', () => {
    const described = describedBy('account', 'not_found', 'invalid_params', 'conflict');
    const schemaOf = (status: number) => mediaOf(described[status])?.schema;
    expect(schemaOf(404)).toEqual(schemaOf(400));
    expect(schemaOf(400)).toMatchObject({ title: 'AccountError', required: ['id', 'message'] });
    expect(schemaOf(409)).toEqual(schemaOf(422));
    expect(schemaOf(422)).toMatchObject({ title: 'AccountErrorWithErrors', required: ['id', 'message', 'errors'] });
    expect(schemaOf(500)).toMatchObject({ title: 'AccountErrorWithRequestId' });
  });

  it('describes more than one dialect where the credential decides', () => {
    const described = describedBy(['account', 'publicauth'], 'not_found', 'invalid_params');
    expect(Object.keys(described)).toEqual(['400', '404', '422', '500', '503']);
    expect(mediaOf(described['404'])?.schema).toMatchObject({
      anyOf: [{ title: 'AccountError' }, { title: 'PublicauthError' }],
    });
    expect(Object.keys(mediaOf(described['404'])?.examples ?? {})).toEqual([
      'account_not_found',
      'publicauth_not_found',
    ]);
  });
});
