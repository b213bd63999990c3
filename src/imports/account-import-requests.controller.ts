import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RequestBy, SpeaksDialect, TakesBatches, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { ADMIN_ERRORS, OWN_ACCOUNT_ERRORS } from '../account-admin/account-admin.controller.js';
import { invalidParams } from '../errors/api-error.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import {
  EXAMPLE_RECORDS,
  ImportAnswer,
  ImportRequest,
  MOST_RECORDS,
  MUST_BE_RECORDS,
  toImportAnswer,
} from './account-import-requests.dto.js';
import { AccountImportRequests } from './account-import-requests.service.js';

const EXAMPLES = {
  accounts: { summary: 'A person and an organisation', value: { records: EXAMPLE_RECORDS } },
  administrator: {
    summary: 'An administrator',
    value: { admins: true, records: [{ email: 'ada@example.org', role: 'admin' }] },
  },
};

/** The import of `latchkey import`, for admins. */
@ApiTags('admin')
@SpeaksDialect('app-token')
@Controller('api/v1/accounts/import')
export class AccountImportRequestsController {
  constructor(private readonly imports: AccountImportRequests) {}

  @Post()
  @HttpCode(200)
  @UserTokenRequired()
  @Idempotent()
  @TakesBatches()
  @ApiOperation({
    summary: 'Import accounts of another service',
    description:
      `Admins only. Up to ${MOST_RECORDS} accounts and organisations, in one transaction, by the rules of \`latchkey import\` ` +
      '(docs/importing.md): with their ids and the hashes of their passwords, nobody is written to, and the same records again change ' +
      'nothing. Each record has its own result: a refused one keeps no other from being imported. With REAUTHENTICATE_AFTER, ' +
      '`current_password` may be needed for `admins`.',
  })
  @ApiBody({ type: ImportRequest, examples: EXAMPLES })
  @ApiOkResponse({ type: ImportAnswer })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    invalidParams({ records: [MUST_BE_RECORDS] }),
    ...OWN_ACCOUNT_ERRORS,
    ...ADMIN_ERRORS,
    'rate_limited',
  )
  async import(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Body() body: ImportRequest,
  ): Promise<ImportAnswer> {
    return toImportAnswer(await this.imports.run(caller, body));
  }
}
