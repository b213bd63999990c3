// The script of the pages that links in mails open. The form's data- attributes say what to send, and where.

const form = /** @type {HTMLFormElement} */ (document.getElementById('form'));
const button = /** @type {HTMLButtonElement} */ (form.querySelector('button[type=submit]'));
const password = /** @type {HTMLInputElement | null} */ (document.getElementById('password'));
const username = /** @type {HTMLInputElement | null} */ (document.getElementById('username'));
const problem = /** @type {HTMLElement} */ (document.getElementById('problem'));
const done = /** @type {HTMLElement} */ (document.getElementById('done'));
const texts = form.dataset;
const { endpoint = '', field = '' } = texts;
/** @typedef {Record<string | number, string | undefined>} Said */
const problems = /** @type {Said} */ (JSON.parse(texts.problems ?? '{}'));
const refusals = /** @type {Said} */ (JSON.parse(texts.refusals ?? '{}'));

/** How it ends: with the act, with a link that is of no use any more, or with both perhaps. @typedef {'done' | 'used' | 'perhaps'} Ending */

const HANDED_OVER = `ended ${location.pathname}`;

// The token is in the fragment, which browsers do not send. It is removed from the address bar at once, and kept with this
// entry of the history, for when the page is loaded again; and in its place, when it is of no more use, how it has ended.
const kept = /** @type {{ token?: string, isUnanswered?: boolean, ended?: Ending } | null} */ (history.state);
let token = new URLSearchParams(location.hash.slice(1)).get('token') ?? kept?.token;
let ended = kept?.ended ?? handedOver();
/** Whether something was sent of which no answer came: it may have been done all the same. */
let isUnanswered = kept?.isUnanswered ?? false;
const query = new URLSearchParams(location.search);
query.delete('token');
keep();
// A second link opened in this tab differs only in its fragment, which alone would not reload the page.
addEventListener('hashchange', () => {
  location.reload();
});

function keep() {
  const search = query.size > 0 ? `?${query.toString()}` : '';
  history.replaceState(token ? { token, isUnanswered } : ended ? { ended } : null, '', location.pathname + search);
}

/**
 * Whether this browser has asked for the link on behalf of the identification that it leads back to. Anybody can ask for a link
 * for somebody else, and must not lead them to an identification of their own.
 */
function isAskedHere() {
  const back = document.getElementById('back');
  try {
    return back !== null && localStorage.getItem('asked-for') === back.dataset.for;
  } catch {
    return false;
  }
}

/** Shows a way on. @param {'next' | 'again'} way */
function leadOn(way) {
  const isOurs = isAskedHere();
  const shown = document.getElementById(way === 'next' && isOurs ? 'back' : way);
  const link = shown?.querySelector('a');
  if (link && way === 'again' && !isOurs) {
    const address = new URL(link.href);
    address.searchParams.delete('wayf');
    link.href = address.href;
  }
  shown?.removeAttribute('hidden');
}

/** @returns {Ending | undefined} how this page has ended in another language, once: no link can say so */
function handedOver() {
  try {
    const how = sessionStorage.getItem(HANDED_OVER);
    sessionStorage.removeItem(HANDED_OVER);
    return how === 'done' || how === 'used' || how === 'perhaps' ? how : undefined;
  } catch {
    return undefined;
  }
}

function handOver() {
  try {
    if (ended) sessionStorage.setItem(HANDED_OVER, ended);
  } catch {
    // Browsers that keep nothing show the page as it begins.
  }
}

/** @param {string} text empty: clears the message
 * @param {{ isPassword?: boolean }} [about]
 */
function say(text, { isPassword = false } = {}) {
  problem.textContent = text;
  if (isPassword) password?.setAttribute('aria-invalid', 'true');
  else password?.removeAttribute('aria-invalid');
}

/** Replaces the form by a message, and shows the way on. @param {Ending} how */
function end(how) {
  form.remove();
  say('');
  const message = how === 'done' ? done : problem;
  message.textContent = texts[how] ?? '';
  message.focus();
  leadOn(how === 'done' ? 'next' : 'again');
  [token, ended] = [undefined, how];
  keep();
}

/** @typedef {{ errors?: Record<string, string[] | undefined>, message: string }} Failure */

async function send() {
  const wasUnanswered = isUnanswered;
  isUnanswered = true;
  keep();
  const answer = await fetch(location.pathname.replace(/\w+\/\w+\/?$/, endpoint), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account: { ...(password && { password: password.value }), [field]: token } }),
  });
  if (answer.ok) {
    const { email = '' } = /** @type {{ email?: string }} */ (await answer.json());
    if (username) username.value = email;
    end('done');
    return;
  }
  const { errors = {}, message } = /** @type {Failure} */ (await answer.json());
  isUnanswered = wasUnanswered || answer.status >= 500;
  keep();
  if (errors[field]) {
    end(isUnanswered ? 'perhaps' : 'used');
    return;
  }
  const [wrong] = errors.password ?? [];
  // What the API says is for programs, and in English.
  if (wrong !== undefined) say(problems[wrong] ?? problems.other ?? '', { isPassword: true });
  else say(refusals[message] ?? refusals[answer.status] ?? refusals.other ?? '');
  password?.focus();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  say('');
  button.disabled = true;
  form.setAttribute('aria-busy', 'true');
  send()
    .catch(() => {
      say(texts.unreachable ?? '');
      password?.focus();
    })
    .finally(() => {
      button.disabled = false;
      form.removeAttribute('aria-busy');
    });
});

document.getElementById('show')?.addEventListener('change', ({ target }) => {
  if (password) password.type = /** @type {HTMLInputElement} */ (target).checked ? 'text' : 'password';
});

for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('a[hreflang]'))) {
  link.addEventListener('click', ({ ctrlKey, metaKey, shiftKey }) => {
    if (token) link.hash = new URLSearchParams({ token }).toString();
    // What is opened in another tab or window has a storage of its own.
    if (!ctrlKey && !metaKey && !shiftKey) handOver();
  });
}

if (token) form.hidden = false;
else if (ended) end(ended);
else {
  say(texts.incomplete ?? '');
  leadOn('again');
}
