import { applyDecorators, Get, HttpCode, Param, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { NotesReads, type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { badHeaders } from '../access/refusals.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import type { ApiError } from '../errors/api-error.js';
import { badCursor, LINK, linkToNext } from '../http/cursor.js';
import type { TokenRecord } from '../tokens/token-records.js';
import { TokenListQuery } from './app-tokens.dto.js';
import { AppTokens, type Kind } from './app-tokens.service.js';
import { badExpiry, longerLifeForbidden } from './refusals.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';

/** How the routes of one kind of token represent it. */
export interface ShownTokens<View, List> {
  /** Its name in summaries. */
  noun: string;
  /** An example of a token, for the path parameter. */
  example: string;
  view: Type<View>;
  list: Type<List>;
  toView: (record: TokenRecord) => View;
  toList: (tokens: View[]) => List;
}

const nameOf = (example: string) => ({ name: 'name', description: 'The token itself, or its id', example });

type Described = Pick<ShownTokens<unknown, unknown>, 'noun' | 'example' | 'view'>;

/** A route that changes the expiration of one token. @param more what else it does, and how it fails */
export const ChangesToken = ({ noun, example, view }: Described, more?: { what: string; errors: ApiError[] }) =>
  applyDecorators(
    UserTokenRequired(),
    ConditionalChange(),
    ApiOperation({
      summary: `Change the expiration of one ${noun}`,
      description:
        'Counted from now; zero or less expires it immediately. A token cannot extend its own expiration, and none lasts ' +
        'longer than what it was created with on behalf of another account. A user token ends USER_TOKEN_MAX_TTL seconds ' +
        `after it was created, whoever extends it.${more ? ` ${more.what}` : ''}`,
    }),
    ApiParam(nameOf(example)),
    ApiOkResponse({ type: view }),
    ApiErrors(
      'app-token',
      ...BODY_ERRORS,
      ...IF_MATCH_ERRORS,
      badExpiry(),
      ...(more?.errors ?? []),
      badHeaders(),
      longerLifeForbidden(),
      'not_found',
      'rate_limited',
    ),
  );

/** A route that deletes one token. @param more what else it does */
export const DeletesToken = ({ noun, example }: Described, more = '') =>
  applyDecorators(
    HttpCode(204),
    UserTokenRequired(),
    ApiOperation({
      summary: `Delete one ${noun}`,
      description: `Deletes the token permanently. To keep a record of it, expire it instead.${more && ` ${more}`}`,
    }),
    ApiParam(nameOf(example)),
    ApiNoContentResponse(),
    ApiErrors('app-token', ...UNUSED_BODY_ERRORS, badHeaders(), 'not_found', 'rate_limited'),
  );

/** The routes that application tokens and user tokens have in common, as a base class for their controllers.
 * @param kind the kind of the tokens
 */
export function tokenRoutes<View, List>(
  kind: Kind,
  { noun, example, view, list, toView, toList }: ShownTokens<View, List>,
) {
  // The decorator only sees methods of the class itself, not those of a subclass.
  @SpeaksDialect('app-token')
  class TokenRoutes {
    constructor(protected readonly appTokens: AppTokens) {}

    @Get()
    @NotesReads('token.listed')
    @UserTokenRequired()
    @ApiOperation({
      summary: `List ${noun}s`,
      description:
        'Your own tokens; for admins, those of all accounts. Each shows the App-Token that it was got through, and ' +
        '`app_token` selects by it. Newest first, 100 per page; the `Link` header (RFC 8288) points to the next page.',
    })
    @ApiOkResponse({ type: list, headers: LINK })
    @ApiErrors('app-token', badHeaders(), badCursor())
    async list(
      @Req() { principal: caller }: RequestBy<UserPrincipal>,
      @Query() query: TokenListQuery,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<List> {
      const { records, next } = await this.appTokens.list(caller, kind, query);
      linkToNext(reply, next, query);
      return toList(records.map(toView));
    }

    @Get(':name')
    @UserTokenRequired()
    @ApiOperation({ summary: `Get one ${noun}`, description: 'The response never contains the token itself.' })
    @ApiParam(nameOf(example))
    @ApiOkResponse({ type: view })
    @ApiErrors('app-token', badHeaders(), 'not_found')
    async get(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Param('name') name: string): Promise<View> {
      return toView(await this.appTokens.get(caller, kind, name));
    }
  }
  return TokenRoutes;
}
