import { appToken } from './app-token.js';
import { frontendAuth } from './frontend-auth.js';
import { hotCheck } from './hot-check.js';
import { identifications } from './identifications.js';
import { introspection } from './introspection.js';
import { memory } from './memory.js';
import { newCheck } from './new-check.js';
import { refresh } from './refresh.js';
import { sessionJwt } from './session-jwt.js';
import { signIn } from './sign-in.js';
import { token } from './token.js';
import { workers } from './workers.js';

/** The rows of the table, in their order, by the names by which one of them can be measured alone. */
export const ROWS = Object.entries({
  'hot-check': hotCheck,
  'new-check': newCheck,
  introspection,
  token,
  'app-token': appToken,
  'session-jwt': sessionJwt,
  refresh,
  'frontend-auth': frontendAuth,
  identifications,
  'sign-in': signIn,
  memory,
  workers,
}).map(([id, row]) => ({ id, ...row }));
