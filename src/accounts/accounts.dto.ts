import { ApiProperty } from '@nestjs/swagger';

export const EXAMPLE_ID = '1dc3567e-afd5-4819-acd4-21d0ef677dcd';
export const EXAMPLE_EMAIL = 'fred@bedrockisp.com';

/** An account as its holder sees it. */
export class AccountView {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  id!: string;

  @ApiProperty({ format: 'idn-email', example: EXAMPLE_EMAIL })
  email!: string;
}

export class AccountAnswer {
  @ApiProperty()
  data!: AccountView;
}

/** What account holders see of themselves. */
export const toAccountAnswer = (data: AccountView): AccountAnswer => ({ data });
