import { Nested } from '../http/fields.js';
import { Password } from '../passwords/passwords.dto.js';

/** The password again, where the credential alone is not recent enough. */
export const CurrentPassword = (): PropertyDecorator =>
  Password({
    description:
      'Needed when the password was entered more than REAUTHENTICATE_AFTER seconds ago and, where email or password are changed, ' +
      'with REQUIRE_CURRENT_PASSWORD; checked if it is given',
    required: false,
    // So that the example of a body, which Swagger UI sends, has none: it would be wrong.
    example: undefined,
  });

/** A body of the app-token document's routes. */
export class Confirmation {
  @CurrentPassword()
  current_password?: string;
}

/** A body of the account document's routes, which may be absent. */
export class ConfirmationBody {
  @Nested(() => Confirmation, { required: false })
  account?: Confirmation;
}
