import {
  applyDecorators,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AcceptsEmptyChanges,
  ClientRequired,
  IgnoresUnknown,
  NotesReads,
  type RequestBy,
  SpeaksDialect,
  TakesLargeBodies,
} from '../access/access.js';
import type { ClientPrincipal } from '../access/principal.js';
import { badAccessToken, insufficientScope } from '../access/refusals.js';
import { CONFIG, type Config } from '../config/config.js';
import { invalidParams, tooManyAttempts } from '../errors/api-error.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS, unknownParameter } from '../openapi/api-errors.js';
import { LINK, linkToNext } from '../http/cursor.js';
import { ofEntry, wholeNumberFrom } from '../http/validation.js';
import { EXAMPLE_ID } from './accounts.dto.js';
import { takenName } from './account-conflicts.js';
import {
  AccountChange,
  AccountPage,
  ChangedAccountView,
  ClientAccountList,
  ClientAccountView,
  MOST_PER_PAGE,
  NewOrganisation,
  toChangedAccountView,
  toClientAccountView,
} from './client-accounts.dto.js';
import { changesOrganisationsOnly, ClientAccounts, organisationsOnly } from './client-accounts.service.js';
import { NO_NETWORK } from './networks.js';
import { AccountIdParam, ApiAccountId } from '../http/account-ids.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';

const READ_ERRORS = [badAccessToken(), insufficientScope('accounts:read'), tooManyAttempts(60)] as const;
const WRITE_ERRORS = [badAccessToken(), insufficientScope('accounts:write'), tooManyAttempts(60)] as const;
const BAD_NETWORK = invalidParams({ networks: [ofEntry(1, NO_NETWORK)] });
const BAD_PAGE = invalidParams({ perpage: [wholeNumberFrom(1, MOST_PER_PAGE)] });

const DescribedUpdate = (summary: string) =>
  applyDecorators(
    ApiOperation({
      summary,
      description:
        'Changes an organisation. Fields that are not given stay as they are. Networks may overlap with those of other accounts; `overlaps` lists ' +
        'where they do.',
    }),
    ApiAccountId(EXAMPLE_ID),
    ConditionalChange(),
    ApiOkResponse({ type: ChangedAccountView }),
    ApiErrors(
      'connect',
      ...BODY_ERRORS,
      ...IF_MATCH_ERRORS,
      BAD_NETWORK,
      ...WRITE_ERRORS,
      changesOrganisationsOnly(),
      'not_found',
      takenName(),
    ),
  );

/** Accounts as OAuth2 clients see them. */
@ApiTags('connect')
@SpeaksDialect('connect')
@Controller()
export class ClientAccountsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: ClientAccounts,
  ) {}

  @Get('api/accounts')
  @NotesReads('account.listed')
  @ClientRequired('accounts:read')
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Account List',
    description:
      'Organisations, and persons who cannot sign in, that match all given filters. Oldest first; the `Link` header ' +
      '(RFC 8288) points to the next page.',
  })
  @ApiOkResponse({ type: ClientAccountList, headers: LINK })
  @ApiErrors('connect', ...READ_ERRORS, BAD_PAGE)
  async list(@Query() page: AccountPage, @Res({ passthrough: true }) reply: FastifyReply): Promise<ClientAccountList> {
    const { records, next, perPage } = await this.accounts.list(page);
    const { name, publisher_reference, email_domain, network } = page;
    linkToNext(reply, next, { perpage: String(perPage), name, publisher_reference, email_domain, network });
    return { accounts: records.map((account) => toClientAccountView(account, this.config.publicUrl)) };
  }

  @Post('api/accounts')
  @ClientRequired('accounts:write')
  // Published clients also send what Latchkey does not keep, such as `subscriptions` and `enable_saml`.
  @IgnoresUnknown()
  @Idempotent()
  @TakesLargeBodies()
  @ApiOperation({ summary: 'Account Create', description: 'Creates an organisation.' })
  @ApiCreatedResponse({ type: ChangedAccountView })
  @ApiErrors('connect', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, BAD_NETWORK, ...WRITE_ERRORS, takenName())
  async create(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @Body() body: NewOrganisation,
  ): Promise<ChangedAccountView> {
    const { account, overlaps } = await this.accounts.create(client, body);
    return toChangedAccountView(account, overlaps, this.config.publicUrl);
  }

  @Get('api/accounts/:id')
  @NotesReads('account.read')
  @ClientRequired('accounts:read')
  @ApiOperation({
    summary: 'Account Info, at the path of the list',
    description: 'A person who can sign in is only shown to a client that has identified them.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiOkResponse({ type: ClientAccountView })
  @ApiErrors('connect', ...READ_ERRORS, unknownParameter(), 'not_found')
  async get(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @AccountIdParam() id: string,
  ): Promise<ClientAccountView> {
    return toClientAccountView(await this.accounts.get(client, id), this.config.publicUrl);
  }

  @Patch('accounts/:id')
  @ClientRequired('accounts:write')
  @IgnoresUnknown()
  // The document's own example changes nothing.
  @AcceptsEmptyChanges()
  @TakesLargeBodies()
  @DescribedUpdate('Account Update')
  update(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @AccountIdParam() id: string,
    @Body() change: AccountChange,
  ): Promise<ChangedAccountView> {
    return this.change(client, id, change);
  }

  @Patch('api/accounts/:id')
  @ClientRequired('accounts:write')
  @TakesLargeBodies()
  @DescribedUpdate('Account Update, at the path of the list')
  updateInList(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @AccountIdParam() id: string,
    @Body() change: AccountChange,
  ): Promise<ChangedAccountView> {
    return this.change(client, id, change);
  }

  @Put('api/accounts/:id')
  @ClientRequired('accounts:write')
  // As above: by PUT they change what they have made.
  @IgnoresUnknown()
  @TakesLargeBodies()
  @DescribedUpdate('Account Update, by PUT, which does what PATCH does')
  putInList(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @AccountIdParam() id: string,
    @Body() change: AccountChange,
  ): Promise<ChangedAccountView> {
    return this.change(client, id, change);
  }

  @Delete('api/accounts/:id')
  @HttpCode(204)
  @ClientRequired('accounts:write')
  @ApiOperation({
    summary: 'Account Delete',
    description: 'Deletes an organisation and everything that belongs to it.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiNoContentResponse()
  @ApiErrors('connect', ...UNUSED_BODY_ERRORS, unknownParameter(), ...WRITE_ERRORS, organisationsOnly(), 'not_found')
  async remove(@Req() { principal: client }: RequestBy<ClientPrincipal>, @AccountIdParam() id: string): Promise<void> {
    await this.accounts.remove(client, id);
  }

  private async change(client: ClientPrincipal, id: string, change: AccountChange): Promise<ChangedAccountView> {
    const { account, overlaps } = await this.accounts.update(client, id, change);
    return toChangedAccountView(account, overlaps, this.config.publicUrl);
  }
}
