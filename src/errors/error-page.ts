import { markup } from '../html/html.js';
import type { Page } from '../html/page.js';
import type { View } from '../html/view.js';
import type { MessageId } from '../messages/catalogue.js';
import type { ApiError, ErrorCode } from './api-error.js';

/** What pages say of a sign-in that failed. */
const OF_SIGN_INS: Partial<Record<ErrorCode, MessageId>> = {
  unauthorized: 'signIn.wrong',
  unverified: 'signIn.unverified',
  password_expired: 'signIn.passwordExpired',
};

/** The messages of pages for each kind of failure. Others are `badRequest`. */
const KINDS: Partial<Record<ErrorCode, 'forbidden' | 'internal' | 'notFound' | 'rateLimited' | 'unavailable'>> = {
  forbidden: 'forbidden',
  internal: 'internal',
  not_found: 'notFound',
  rate_limited: 'rateLimited',
  unavailable: 'unavailable',
};

/** @returns what a page says of a failure, in the language of its visitor */
export function problemOf(view: View, { code, details }: ApiError): string {
  if (details.told) return view.say(details.told.id, details.told.values);
  const signIn = OF_SIGN_INS[code];
  if (signIn !== undefined) return view.say(signIn);
  const kind = KINDS[code] ?? 'badRequest';
  const wait = Number(details.headers?.['retry-after'] ?? 60);
  return view.say(`error.${kind}`, { wait: view.texts.duration(wait) });
}

/** The page that tells of a failure. */
export function errorPage(view: View, error: ApiError, requestId: string): Page {
  const kind = KINDS[error.code] ?? 'badRequest';
  const { title: id, way, state = {} } = error.details.told ?? {};
  const title = view.say(id ?? `error.${kind}.title`);
  const request = view.say('error.internal.request', { id: requestId });
  return {
    title,
    state,
    main: markup`<h1>${title}</h1>
<p role="alert">${problemOf(view, error)}</p>${error.code === 'internal' && markup`\n<p class="hint">${request}</p>`}${
      way && markup`\n<p class="ways"><a href="${view.here(state)}">${view.say(way)}</a></p>`
    }`,
  };
}
