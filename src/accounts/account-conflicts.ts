import { conflict } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { isUniqueViolation } from '../errors/database-errors.js';

/** @throws ApiError `conflict` when the statement fails because the email or the name is taken */
export async function namingConflicts<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    if (isUniqueViolation(error, 'accounts_email_key')) throw takenEmail();
    throw isUniqueViolation(error, 'accounts_name_key') ? takenName() : error;
  }
}

export const takenName = () => conflict('An account with this name already exists.', { name: ['is taken'] });
