import { escapeHtml, htmlPage } from './page.js';

/** In place of an institution's id: the visitor signs in with any account. */
export const NO_INSTITUTION = 'none';

export const LONGEST_SEARCH = 100;

/** An organisation that visitors can choose. */
interface Institution {
  id: string;
  name: string;
}

interface Search {
  text: string;
  found: Institution[];
  more: boolean;
}

/**
 * The page on which a visitor searches for their institution. It needs no script: the title and the focused element
 * announce the results to screen readers.
 */
export function searchPage(search?: Search): string {
  const isFruitless = search?.found.length === 0;
  const focus = isFruitless ? ' autofocus aria-describedby="found"' : search ? '' : ' autofocus';
  return htmlPage({
    title: search ? `Where are you from? ${countOf(search)}` : 'Where are you from?',
    main: `<h1>Where are you from?</h1>
<form method="get" role="search">
<label for="q">Your institution</label>
<input id="q" name="q" type="search" required maxlength="${LONGEST_SEARCH}" autocomplete="organization"${focus}
value="${escapeHtml(search?.text ?? '')}">
<button type="submit">Search</button>
</form>
${search ? results(search) : ''}
<p><a href="?institution=${NO_INSTITUTION}">Sign in without an institution</a></p>`,
  });
}

function results(search: Search): string {
  const { found, more } = search;
  if (found.length === 0) return '<p id="found" role="status">No institution matches this name.</p>';
  const items = found.map(({ id, name }) => `<li><a href="?institution=${id}">${escapeHtml(name)}</a></li>`);
  const hint = more ? ' Type more of the name to narrow the search.' : '';
  // The role is for Safari, to which a list without markers is not a list.
  return `<p id="found" role="status" tabindex="-1" autofocus>${countOf(search)}:${hint}</p>
<ul role="list">
${items.join('\n')}
</ul>`;
}

function countOf({ found, more }: Search): string {
  if (found.length === 0) return 'No institution found';
  return found.length === 1 ? '1 institution' : `${more ? 'The first ' : ''}${found.length} institutions`;
}

/**
 * The page on which a visitor signs in. The email's field is not of the type `email`, for which browsers refuse letters
 * outside ASCII before the @ and rewrite those after it.
 * @param institution null: any account can sign in
 * @param attempt the problem of the last attempt, and its email
 */
export function signInPage(institution: Institution | null, attempt?: { problem: string; email: string }): string {
  const described = attempt ? ' aria-invalid="true" aria-describedby="problem"' : '';
  const name = institution && escapeHtml(institution.name);
  const title = name === null ? 'Sign in' : `Sign in: ${name}`;
  return htmlPage({
    title: attempt ? 'Sign in: try again' : title,
    main: `<h1>Sign in</h1>
<p>${name === null ? '' : `With an account of <strong>${name}</strong>. `}<a
href="?">Choose ${institution ? 'another' : 'an'} institution</a></p>
<p id="problem" role="alert">${escapeHtml(attempt?.problem ?? '')}</p>
<form method="post" action="?">
<input type="hidden" name="institution" value="${institution?.id ?? NO_INSTITUTION}">
<label for="email">Email</label>
<input id="email" name="email" type="text" inputmode="email" required maxlength="254" autocomplete="username"
autocapitalize="none" spellcheck="false" autofocus${described}
value="${escapeHtml(attempt?.email ?? '')}">
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password"${described}>
<button type="submit">Sign in</button>
</form>`,
  });
}
