import { readFileSync } from 'node:fs';
import { isolated, markup, type Html } from './html.js';
import type { Page } from './page.js';
import type { View } from './view.js';

/** In place of an institution's id: the visitor signs in with any account. */
export const NO_INSTITUTION = 'none';

export const LONGEST_SEARCH = 100;

const SCRIPT = readFileSync(new URL('./scripts/last-choice.js', import.meta.url), 'utf8');

/** An organisation that visitors can choose. */
interface Institution {
  id: string;
  name: string;
}

/** On whose behalf a visitor is here. */
export interface Visit {
  identificationId: string;
  /** The host of the site that they return to. */
  site: string;
}

/** An organisation that the search has found. */
interface FoundInstitution extends Institution {
  /** Whether anybody can sign in for it; otherwise it may still be recognised by its network. */
  canSignIn: boolean;
  /** Its other name by which it was found; null: its name says it. */
  alias: string | null;
}

interface Search {
  text: string;
  found: FoundInstitution[];
  more: boolean;
  /** Whether nothing is called what was asked for, and these are called something like it. */
  similar: boolean;
}

/** What a visitor has searched for, or is offered before that. */
interface Shown {
  search?: Search;
  /** What this browser remembers. */
  last?: Institution | undefined;
}

/**
 * The page on which a visitor searches for their institution. It needs no script, which only offers the last choice: the title and
 * the focused element announce the results to screen readers.
 */
export function searchPage(view: View, visit: Visit, { search, last }: Shown = {}): Page {
  const isFruitless = search?.found.length === 0;
  const focus = isFruitless ? markup` autofocus aria-describedby="found"` : !search && markup` autofocus`;
  const title = view.say('wayf.title');
  return {
    title: search ? `${title} ${countOf(view, search)}` : title,
    ...(search ? { state: { q: search.text } } : { script: SCRIPT }),
    main: markup`<h1>${title}</h1>
${purpose(view, visit)}
${!search && lastChoice(view, last)}
<form method="get" role="search">${view.languageField}
<label for="q">${view.say('wayf.institution')}</label>
<input id="q" name="q" type="search" required maxlength="${LONGEST_SEARCH}" autocomplete="organization" dir="auto"${focus}
value="${search?.text ?? ''}">
<button type="submit">${view.say('wayf.search')}</button>
</form>
${search && results(view, search)}
<p class="ways"><a href="${view.here({ institution: NO_INSTITUTION })}">${view.say('wayf.without')}</a></p>`,
  };
}

/** The institution that was chosen last. The script asks for the page with it, and puts it in here. */
const lastChoice = (view: View, last: Institution | undefined) =>
  markup`<div id="last" role="status">${
    last &&
    markup`<p class="hint">${view.say('wayf.last')}</p>
<ul role="list"><li dir="auto"><a href="${view.here({ institution: last.id })}">${last.name}</a></li></ul>
<p><button type="button" class="plain">${view.say('wayf.forget')}</button></p>`
  }</div>`;

const purpose = (view: View, { site }: Visit) =>
  markup`<p class="hint">${view.html('wayf.for', { service: isolated(view.brand.name), site: isolated(site) })}</p>`;

function results(view: View, search: Search): Html {
  const { found, more, similar } = search;
  if (found.length === 0) return markup`<p id="found" role="status">${view.say('wayf.nothing')}</p>`;
  const hint = more && ` ${view.say('wayf.narrow')}`;
  const count = similar ? view.say('wayf.similar') : `${countOf(view, search)}:`;
  const byNetwork =
    found.some(({ canSignIn }) => !canSignIn) && markup`<p class="hint">${view.say('wayf.byNetwork')}</p>`;
  // The role is for Safari, to which a list without markers is not a list.
  return markup`<p id="found" role="status" tabindex="-1" autofocus>${count}${hint}</p>
<ul role="list">
${found.map((institution) => item(view, institution))}
</ul>
${byNetwork}`;
}

function item(view: View, { id, name, alias, canSignIn }: FoundInstitution): Html {
  const text = markup`${name}${alias !== null && markup` (${isolated(alias)})`}`;
  if (!canSignIn) return markup`<li dir="auto"><span>${text}</span></li>`;
  return markup`<li dir="auto"><a href="${view.here({ institution: id })}">${text}</a></li>`;
}

const countOf = (view: View, { found, more }: Search) =>
  view.say(more ? 'wayf.first' : 'wayf.count', { count: found.length });

/** A sign-in that did not succeed. */
interface Attempt {
  problem: string;
  email: string;
  /** Whether it was for what was filled in, and not for how often, or for how the server is. */
  isRefused: boolean;
  /** The field to mend. */
  focus: 'email' | 'password';
}

/**
 * The page on which a visitor signs in. The email's field is not of the type `email`, for which browsers refuse letters
 * outside ASCII before the @ and rewrite those after it.
 * @param institution null: any account can sign in
 * @param attempt the problem of the last attempt, and its email
 */
export function signInPage(view: View, visit: Visit, institution: Institution | null, attempt?: Attempt): Page {
  const described = attempt && markup`${attempt.isRefused && markup` aria-invalid="true"`} aria-describedby="problem"`;
  const focus = (at: Attempt['focus']) => at === (attempt?.focus ?? 'email') && markup` autofocus`;
  const forgotten = view.to('/password/forgot', { wayf: visit.identificationId });
  const chosen = institution?.id ?? NO_INSTITUTION;
  const title = institution ? view.say('signIn.titleFor', { name: institution.name }) : view.say('signIn.title');
  return {
    title: attempt ? view.say('signIn.titleAgain') : title,
    state: { institution: chosen },
    ...(institution && { script: SCRIPT }),
    main: markup`<h1>${view.say('signIn.title')}</h1>
${purpose(view, visit)}
<p>${institution && markup`${view.html('signIn.with', { name: markup`<strong>${isolated(institution.name)}</strong>` })} `}<a
href="${view.here()}">${view.say(institution ? 'signIn.chooseAnother' : 'signIn.choose')}</a></p>
<p id="problem" class="wrong" role="alert">${attempt?.problem}</p>
<form method="post" action="${view.here({ institution: chosen })}"${institution && markup` data-institution="${institution.id}"`}>
<input type="hidden" name="institution" value="${chosen}">
<label for="email">${view.say('page.email')}</label>
<input id="email" name="email" type="text" inputmode="email" required maxlength="254" autocomplete="username"
autocapitalize="none" spellcheck="false" dir="auto"${focus('email')}${described}
value="${attempt?.email}">
<label for="password">${view.say('page.password')}</label>
<input id="password" name="password" type="password" required autocomplete="current-password" dir="auto"${focus('password')}${described}>
${institution && rememberChoice(view)}
<button type="submit">${view.say('signIn.button')}</button>
</form>
<p class="ways"><a href="${forgotten}">${view.say('signIn.forgot')}</a></p>`,
  };
}

/** Shown by the script. It has no name, so that it is not sent. */
const rememberChoice = (view: View) => markup`<p hidden>
<label><input id="remember" type="checkbox" checked> ${view.say('signIn.remember')}</label></p>`;
