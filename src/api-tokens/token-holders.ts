import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, type ApiParamOptions } from '@nestjs/swagger';
import { FrontendOnly, IgnoresUnknown, NotesReads } from '../access/access.js';
import { badFrontendToken, noFrontendScope } from '../access/refusals.js';
import { badRequest, invalidParams } from '../errors/api-error.js';
import { MISSING } from '../errors/dialects.js';
import { atMostCharacters, isTime, isTooLong, MUST_BE_TIME } from '../http/validation.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import {
  SERVICE_MODES,
  TOKEN_SOURCES,
  type TokenFilter,
  type TokenHolder,
  type TokenState,
} from '../tokens/gateway-tokens.js';
import {
  ApiTokenList,
  ApiTokenView,
  EXAMPLE_API_TOKEN,
  EXAMPLE_TOKEN_LINK,
  Revocation,
  RevocationAnswer,
} from './api-tokens.dto.js';
import { notFound, notRevoked } from './api-tokens.service.js';

const MAX_ID = 255;
const STATES: TokenState[] = ['active', 'expired', 'revoked'];

export const FRONTEND_ERRORS = [badFrontendToken(), noFrontendScope()];
export const missing = (field: string) => invalidParams({ [field]: [MISSING] });

/** The tokens of a gateway account. @throws ApiError `bad_request` */
export function ofAccount(accountId: string): TokenHolder {
  return { gatewayAccountId: checked('account_id', accountId) };
}

/** The tokens of a service, in one of its modes. @throws ApiError `bad_request` */
export function ofService(serviceExternalId: string, mode: string): TokenHolder {
  const serviceMode = SERVICE_MODES.find((one) => one === mode.toUpperCase());
  if (!serviceMode) throw badMode();
  return { serviceExternalId: checked('service_external_id', serviceExternalId), serviceMode };
}

export const badMode = () => badRequest('mode must be live or test');

function checked(name: string, id: string): string {
  if (isTooLong(id, MAX_ID)) throw badRequest(`${name} ${atMostCharacters(MAX_ID)}`);
  return id;
}

/** The query of a list. */
export interface ListQuery {
  state?: unknown;
  type?: unknown;
  expires_before?: unknown;
}

/**
 * As the original service, it takes what it does not know for `active` and `API`.
 *
 * @throws ApiError `invalid_params` for a time that is none
 */
export function filterOf({ state, type, expires_before }: ListQuery): TokenFilter {
  if (expires_before !== undefined && !isTime(expires_before)) throw badExpiresBefore();
  return {
    state: STATES.find((one) => typeof state === 'string' && one === state.toLowerCase()) ?? 'active',
    source: TOKEN_SOURCES.find((one) => typeof type === 'string' && one === type.toUpperCase()) ?? 'API',
    ...(expires_before !== undefined && { expiresBefore: new Date(expires_before) }),
  };
}

const badExpiresBefore = () => invalidParams({ expires_before: [MUST_BE_TIME] });

const EXAMPLE_REVOCATIONS = {
  by_link: { summary: 'By the link', value: { token_link: EXAMPLE_TOKEN_LINK } },
  by_token: { summary: 'By the token itself', value: { token: EXAMPLE_API_TOKEN } },
};

/** Whose tokens the routes are about. */
interface Whose {
  /** Such as `an account`. */
  whose: string;
  params: ApiParamOptions[];
}

const of = ({ params }: Whose) => applyDecorators(...params.map((param) => ApiParam(param)));

/** A route that lists the tokens of a holder; its query is a {@link ListQuery}. */
export const ListsTokens = (holder: Whose) =>
  applyDecorators(
    FrontendOnly(),
    IgnoresUnknown(),
    NotesReads('token.listed'),
    ApiOperation({ summary: `Retrieve the tokens of ${holder.whose}`, description: 'Not paginated, newest first.' }),
    of(holder),
    ApiQuery({
      name: 'state',
      required: false,
      description: '`revoked`, `expired`, or active ones, which are neither',
      schema: { type: 'string', enum: STATES, example: 'active' },
    }),
    ApiQuery({
      name: 'type',
      required: false,
      description: '`PRODUCTS`, those of payment links, or `API`',
      schema: { type: 'string', enum: [...TOKEN_SOURCES], example: 'API' },
    }),
    ApiQuery({
      name: 'expires_before',
      required: false,
      description: 'Only tokens that expire before this time',
      schema: { type: 'string', format: 'date-time', example: '2126-11-22T00:00:00Z' },
    }),
    ApiOkResponse({ type: ApiTokenList }),
    ApiErrors('publicauth', ...FRONTEND_ERRORS, badExpiresBefore()),
  );

/** A route that revokes one token of a holder. */
export const RevokesToken = (holder: Whose) =>
  applyDecorators(
    FrontendOnly(),
    IgnoresUnknown(),
    ApiOperation({
      summary: `Revoke a token of ${holder.whose}`,
      description: 'Names the token by its link or by itself. One that is revoked already is not found.',
    }),
    of(holder),
    ApiBody({ type: Revocation, examples: EXAMPLE_REVOCATIONS }),
    ApiOkResponse({ type: RevocationAnswer }),
    ApiErrors('publicauth', ...BODY_ERRORS, missing('token_link'), ...FRONTEND_ERRORS, notRevoked()),
  );

/** A route that shows one token of a holder. */
export const ShowsToken = (holder: Whose) =>
  applyDecorators(
    FrontendOnly(),
    ApiOperation({ summary: `Retrieve one token of ${holder.whose}`, description: 'Also returns revoked tokens.' }),
    of(holder),
    ApiParam({ name: 'token_link', description: 'The `token_link` of the token', example: EXAMPLE_TOKEN_LINK }),
    ApiOkResponse({ type: ApiTokenView }),
    ApiErrors('publicauth', ...FRONTEND_ERRORS, notFound()),
  );

/** A route that revokes every token of a holder. */
export const RevokesAllTokens = (holder: Whose) =>
  applyDecorators(
    FrontendOnly(),
    ApiOperation({
      summary: `Revoke every token of ${holder.whose}`,
      description: 'Of every type. Responds with 200 even when there is none.',
    }),
    of(holder),
    ApiOkResponse({ schema: { type: 'object', additionalProperties: false, example: {} } }),
    ApiErrors('publicauth', ...UNUSED_BODY_ERRORS, ...FRONTEND_ERRORS),
  );
