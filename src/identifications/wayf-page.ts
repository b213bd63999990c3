import { escapeHtml, htmlPage } from '../http/html.js';
import type { Institution } from './institution.store.js';

/** Instead of an institution's id: the visitor signs in for themself. */
export const NO_INSTITUTION = 'none';

export const LONGEST_SEARCH = 100;

/** The page on which a visitor looks for their institution. It needs no script. */
export function searchPage(search?: { text: string; found: Institution[]; more: boolean }): string {
  return htmlPage({
    title: 'Where are you from?',
    main: `<h1>Where are you from?</h1>
<form method="get" role="search">
<label for="q">Your institution</label>
<input id="q" name="q" type="search" required maxlength="${LONGEST_SEARCH}" autocomplete="organization" autofocus
value="${escapeHtml(search?.text ?? '')}">
<button type="submit">Search</button>
</form>
${search ? results(search) : ''}
<p><a href="?institution=${NO_INSTITUTION}">Sign in without an institution</a></p>`,
  });
}

function results({ found, more }: { found: Institution[]; more: boolean }): string {
  const count = found.length === 1 ? '1 institution' : `${found.length} institutions`;
  const summary = found.length === 0 ? 'No institution has such a name.' : `${more ? 'The first ' : ''}${count}:`;
  const items = found.map(({ id, name }) => `<li><a href="?institution=${id}">${escapeHtml(name)}</a></li>`);
  return `<p role="status">${summary}${more ? ' Type more of the name to find others.' : ''}</p>
<ul>
${items.join('\n')}
</ul>`;
}

/**
 * The page on which a visitor signs in.
 *
 * @param institution null: with any account
 * @param attempt what was wrong with the last one, and its email
 */
export function signInPage(institution: Institution | null, attempt?: { problem: string; email: string }): string {
  const described = attempt ? ' aria-invalid="true" aria-describedby="problem"' : '';
  return htmlPage({
    title: attempt ? 'Sign in: try again' : 'Sign in',
    main: `<h1>Sign in</h1>
<p>${institution ? `With an account of <strong>${escapeHtml(institution.name)}</strong>. ` : ''}<a
href="?">Choose ${institution ? 'another' : 'an'} institution</a></p>
<p id="problem" role="alert">${escapeHtml(attempt?.problem ?? '')}</p>
<form method="post" action="?">
<input type="hidden" name="institution" value="${institution?.id ?? NO_INSTITUTION}">
<label for="email">Email</label>
<input id="email" name="email" type="email" required maxlength="254" autocomplete="username" autofocus${described}
value="${escapeHtml(attempt?.email ?? '')}">
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password"${described}>
<button type="submit">Sign in</button>
</form>`,
  });
}
