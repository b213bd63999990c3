import type { FastifyRequest } from 'fastify';
import { ApiError } from '../errors/api-error.js';
import { isUuid } from './validation.js';

/**
 * Prevents that other sites send the forms of pages. Browsers say where a form was sent from: in `Sec-Fetch-Site` on secure
 * connections, in `Origin` always.
 *
 * @param state the query with which the page of the form is opened instead: what it is for, as far as that was found to be valid
 * @throws ApiError `forbidden`
 */
export function refuseOtherSites(
  { headers }: FastifyRequest,
  publicUrl: string,
  state: Record<string, string> = {},
): void {
  const site = headers['sec-fetch-site'];
  const ours = site === undefined ? headers.origin === new URL(publicUrl).origin : site === 'same-origin';
  if (ours) return;
  const from = originIn(headers.origin);
  throw new ApiError('forbidden', 'This form was submitted from another site. Open it here and fill it in again.', {
    // To load the page again would send the form again, from the other site.
    told: { id: 'signIn.otherSite', way: 'ways.openForm', state },
    refusal: { details: { reason: 'cross_site', ...(from !== undefined && { origin: from }) } },
  });
}

/** Whatever is no origin is not worth keeping, and may be anything. */
function originIn(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= 255 && URL.canParse(text) ? new URL(text).origin : undefined;
}

/** @returns the id of the identification that a page is to lead back to; undefined: none, or it is no id */
export const returnIn = ({ wayf }: Record<string, unknown>): string | undefined =>
  typeof wayf === 'string' && isUuid(wayf) ? wayf : undefined;
