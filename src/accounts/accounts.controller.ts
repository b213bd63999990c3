import { Controller, Get, Inject, Req } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '@nestjs/swagger';
import {
  IgnoresUnknown,
  NotesReads,
  type RequestBy,
  SessionOrClientRequired,
  SpeaksDialect,
} from '../access/access.js';
import type { ClientPrincipal, SessionPrincipal } from '../access/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { notYours, tooManyAttempts } from '../errors/api-error.js';
import { AccountIdParam, ApiAccountId } from '../http/account-ids.js';
import { idIn } from '../http/validation.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { AccountAnswer, EXAMPLE_ID, toAccountAnswer } from './accounts.dto.js';
import { ClientAccountView, toClientAccountView } from './client-accounts.dto.js';
import { ClientAccounts } from './client-accounts.service.js';

@ApiTags('account', 'connect')
@SpeaksDialect('account')
@IgnoresUnknown()
@Controller('accounts')
export class AccountsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly accounts: ClientAccounts,
  ) {}

  @Get(':id')
  @NotesReads('account.read')
  @SessionOrClientRequired('accounts:read')
  @ApiOperation({
    summary: 'Account Info',
    description:
      'A session can only read its own account. A client with the scope `accounts:read` can read organisations, persons ' +
      'who cannot sign in, and whom it has identified, and gets the representation for clients.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiExtraModels(AccountAnswer, ClientAccountView)
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(AccountAnswer) }, { $ref: getSchemaPath(ClientAccountView) }] },
  })
  @ApiErrors(['account', 'connect'], 'unauthorized', 'forbidden', 'not_found', tooManyAttempts(60))
  async get(
    @AccountIdParam() id: string,
    @Req() { principal }: RequestBy<SessionPrincipal | ClientPrincipal>,
  ): Promise<AccountAnswer | ClientAccountView> {
    if ('clientId' in principal) {
      return toClientAccountView(await this.accounts.get(principal, id), this.config.publicUrl);
    }
    const { accountId, email, legacyId } = principal;
    if (id.toLowerCase() !== accountId) throw notYours(idIn(id));
    return toAccountAnswer({ id: accountId, email, legacyId });
  }
}
