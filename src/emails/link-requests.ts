import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors/api-error.js';
import { problemOf } from '../errors/error-page.js';
import { askPage, sentAddress, type AskedLink } from '../html/ask-page.js';
import type { Page } from '../html/page.js';
import type { View } from '../html/view.js';
import { LONGEST_EMAIL, readEmail } from './email-address.js';

/**
 * Answers the form with which a link is asked for.
 *
 * @param form what was filled in
 * @param send mails the link, whether or not the email is known
 * @returns the way to the page that says so, or the form again with what is wrong
 * @throws what `send` throws, unless one can try again
 */
export async function answerLinkRequest(
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  asked: AskedLink,
  form: Record<string, unknown>,
  send: (email: string) => Promise<unknown>,
): Promise<string> {
  const show = (write: (view: View) => Page) => request.server.pages.show(request, reply, write, ["'self'"]);
  const email = (typeof form.email === 'string' ? form.email : '').trim().slice(0, LONGEST_EMAIL + 1);
  if ('problem' in readEmail(email)) {
    void reply.code(422);
    return show((view) => askPage(view, asked, { problem: view.say('ask.badEmail'), email }));
  }
  try {
    await send(email);
  } catch (error) {
    if (!(error instanceof ApiError) || !['rate_limited', 'unavailable'].includes(error.code)) throw error;
    request.failure = error.code;
    void reply.code(error.status).headers(error.details.headers ?? {});
    return show((view) => askPage(view, asked, { problem: problemOf(view, error), email }));
  }
  return request.server.pages.seeOther(request, reply, (view) => sentAddress(view, asked));
}
