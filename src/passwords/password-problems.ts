import { LONGEST_PASSWORD } from '../config/password-text.js';
import type { View } from '../html/view.js';
import { stillInitial } from './initial-passwords.service.js';
import { TOO_CLOSE, TOO_COMMON } from './password-blocklist.service.js';

/** @returns what pages say of passwords that are refused, by what the API says of them */
export function passwordProblems(view: View, passwordMinLength: number): Record<string, string> {
  const [initial = ''] = stillInitial().details.fields?.password ?? [];
  return {
    [`must be at least ${passwordMinLength} characters`]: view.say('password.tooShort', { count: passwordMinLength }),
    [`must be at most ${LONGEST_PASSWORD} characters`]: view.say('password.tooLong', { count: LONGEST_PASSWORD }),
    'must not contain control characters, such as tabs and line breaks': view.say('password.control'),
    [TOO_COMMON]: view.say('password.tooCommon'),
    [TOO_CLOSE]: view.say('password.tooClose'),
    [initial]: view.say('password.stillInitial'),
  };
}
