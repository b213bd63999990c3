import { LONGEST_TOKEN, Nested, Text } from '../http/fields.js';
import { Password } from '../passwords/passwords.dto.js';

const EXAMPLE_TOKEN = '5b0f3e5c-2b1d-4c8e-9a51-7d3f6e0c4b2a.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGE';

export class EmailVerification {
  @Text({ description: 'From the link in the mail', maxLength: LONGEST_TOKEN, example: EXAMPLE_TOKEN })
  verify_email_token!: string;

  @Password({
    description: 'The one that was chosen at sign-up, or that of the account. Not needed with a session of the account',
    required: false,
  })
  password?: string;
}

export class EmailVerificationBody {
  @Nested(() => EmailVerification)
  account!: EmailVerification;
}

export class EmailUndo {
  @Text({ description: 'From the link in the mail', maxLength: LONGEST_TOKEN, example: EXAMPLE_TOKEN })
  undo_email_token!: string;
}

export class EmailUndoBody {
  @Nested(() => EmailUndo)
  account!: EmailUndo;
}
