import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, IsString, ValidateNested } from 'class-validator';
import { MUST_BE_OBJECT, MUST_BE_STRING } from '../http/validation.js';

const EXAMPLE_TOKEN = '5b0f3e5c-2b1d-4c8e-9a51-7d3f6e0c4b2a.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGE';

export class EmailVerification {
  @ApiProperty({ description: 'From the link in the mail', example: EXAMPLE_TOKEN })
  @IsString(MUST_BE_STRING)
  verify_email_token!: string;
}

export class EmailVerificationBody {
  @ApiProperty()
  @Type(() => EmailVerification)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: EmailVerification;
}

export class EmailUndo {
  @ApiProperty({ description: 'From the link in the mail', example: EXAMPLE_TOKEN })
  @IsString(MUST_BE_STRING)
  undo_email_token!: string;
}

export class EmailUndoBody {
  @ApiProperty()
  @Type(() => EmailUndo)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: EmailUndo;
}
