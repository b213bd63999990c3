import { Body, Delete, Get, HttpCode, Param, Patch, Query, Res, type Type } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal, NotesReads, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { badHeaders } from '../access/refusals.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import { ApiCursor, badCursor, LINK, linkToNext } from '../http/cursor.js';
import type { TokenRecord } from '../tokens/tokens.store.js';
import { Expiry } from './app-tokens.dto.js';
import { AppTokens, type Kind } from './app-tokens.service.js';
import { badExpiry, longerLifeForbidden } from './refusals.js';

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

/** The routes that application tokens and user tokens have in common, as a base class for their controllers.
 * @param kind the kind of the tokens
 */
export function tokenRoutes<View, List>(
  kind: Kind,
  { noun, example, view, list, toView, toList }: ShownTokens<View, List>,
) {
  const NAME = { name: 'name', description: 'The token itself, or its id', example };

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
        'Your own tokens; for admins, those of all accounts. Newest first, 100 per page; the `Link` header ' +
        '(RFC 8288) points to the next page.',
    })
    @ApiCursor()
    @ApiOkResponse({ type: list, headers: LINK })
    @ApiErrors('app-token', badHeaders(), badCursor())
    async list(
      @CurrentPrincipal() caller: UserPrincipal,
      @Query('cursor') cursor: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<List> {
      const { records, next } = await this.appTokens.list(caller, kind, cursor);
      linkToNext(reply, next);
      return toList(records.map(toView));
    }

    @Get(':name')
    @UserTokenRequired()
    @ApiOperation({ summary: `Get one ${noun}`, description: 'The response never contains the token itself.' })
    @ApiParam(NAME)
    @ApiOkResponse({ type: view })
    @ApiErrors('app-token', badHeaders(), 'not_found')
    async get(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<View> {
      return toView(await this.appTokens.get(caller, kind, name));
    }

    @Patch(':name')
    @UserTokenRequired()
    @ApiOperation({
      summary: `Change the expiration of one ${noun}`,
      description:
        'Counted from now; zero or less expires it immediately. A token cannot extend its own expiration, and none lasts ' +
        'longer than what it was created with on behalf of another account. A user token ends USER_TOKEN_MAX_TTL seconds ' +
        'after it was created, whoever extends it.',
    })
    @ApiParam(NAME)
    @ApiOkResponse({ type: view })
    @ApiErrors(
      'app-token',
      ...BODY_ERRORS,
      badExpiry(),
      badHeaders(),
      longerLifeForbidden(),
      'not_found',
      'rate_limited',
    )
    async changeExpiry(
      @CurrentPrincipal() caller: UserPrincipal,
      @Param('name') name: string,
      @Body() { seconds_until_expire }: Expiry,
    ): Promise<View> {
      return toView(await this.appTokens.changeExpiry(caller, kind, name, seconds_until_expire));
    }

    @Delete(':name')
    @HttpCode(204)
    @UserTokenRequired()
    @ApiOperation({
      summary: `Delete one ${noun}`,
      description: 'Deletes the token permanently. To keep a record of it, expire it instead.',
    })
    @ApiParam(NAME)
    @ApiNoContentResponse()
    @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, badHeaders(), 'not_found', 'rate_limited')
    async remove(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<void> {
      await this.appTokens.remove(caller, kind, name);
    }
  }
  return TokenRoutes;
}
