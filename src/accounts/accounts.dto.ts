import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export const EXAMPLE_ID = '1dc3567e-afd5-4819-acd4-21d0ef677dcd';
export const EXAMPLE_EMAIL = 'fred@bedrockisp.com';

/** What an account was called where it was imported from. */
export const LegacyId = (): PropertyDecorator =>
  ApiProperty({
    description: 'What the account was called where it was imported from; `null` if it was not',
    type: String,
    pattern: '^[0-9a-f]{24}$',
    nullable: true,
    example: null,
  });

/** An account as its holder sees it. */
export class AccountView {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  id!: string;

  @ApiProperty({ format: 'idn-email', example: EXAMPLE_EMAIL })
  email!: string;
}

export class OwnAccountView extends AccountView {
  @ApiPropertyOptional({
    description: 'What the account was called where it was imported from; absent if it was not',
    pattern: '^[0-9a-f]{24}$',
    example: '507f1f77bcf86cd799439011',
  })
  legacy_id?: string;
}

export class AccountAnswer {
  @ApiProperty()
  data!: OwnAccountView;
}

/** What account holders see of themselves. */
export const toAccountAnswer = ({ id, email, legacyId }: AccountView & { legacyId: string | null }): AccountAnswer => ({
  data: { id, email, ...(legacyId !== null && { legacy_id: legacyId }) },
});
