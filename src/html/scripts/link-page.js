// The script of the pages that links in mails open. The form's data- attributes say what to send, and where.

const form = /** @type {HTMLFormElement} */ (document.getElementById('form'));
const button = /** @type {HTMLButtonElement} */ (form.querySelector('button[type=submit]'));
const password = /** @type {HTMLInputElement | null} */ (document.getElementById('password'));
const problem = /** @type {HTMLElement} */ (document.getElementById('problem'));
const done = /** @type {HTMLElement} */ (document.getElementById('done'));
const { endpoint = '', field = '', done: doneText = '', used = '', incomplete = '', unreachable = '' } = form.dataset;

// The token is in the fragment, which browsers do not send, and is removed from the address bar at once.
const token = new URLSearchParams(location.hash.slice(1)).get('token');
history.replaceState(null, '', location.pathname);
// A second link opened in this tab differs only in its fragment, which alone would not reload the page.
addEventListener('hashchange', () => {
  location.reload();
});

/** @param {string} text empty: clears the message
 * @param {{ isPassword?: boolean }} [about]
 */
function say(text, { isPassword = false } = {}) {
  problem.textContent = text;
  if (isPassword) password?.setAttribute('aria-invalid', 'true');
  else password?.removeAttribute('aria-invalid');
}

/** Replaces the form by a message.
 *
 * @param {HTMLElement} message
 * @param {string} text
 */
function end(message, text) {
  form.remove();
  say('');
  message.textContent = text;
  message.focus();
}

/** @typedef {{ errors?: Record<string, string[] | undefined>, message: string }} Failure */

async function send() {
  const answer = await fetch(location.pathname.replace(/\w+\/\w+\/?$/, endpoint), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account: { ...(password && { password: password.value }), [field]: token } }),
  });
  if (answer.ok) {
    end(done, doneText);
    return;
  }
  const { errors = {}, message } = /** @type {Failure} */ (await answer.json());
  if (errors[field]) {
    end(problem, used);
    return;
  }
  const [wrong] = errors.password ?? [];
  if (wrong === undefined) say(message);
  else say(`The password ${wrong}.`, { isPassword: true });
  password?.focus();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  say('');
  button.disabled = true;
  send()
    .catch(() => {
      say(unreachable);
      password?.focus();
    })
    .finally(() => {
      button.disabled = false;
    });
});

document.getElementById('show')?.addEventListener('change', ({ target }) => {
  if (password) password.type = /** @type {HTMLInputElement} */ (target).checked ? 'text' : 'password';
});

if (token) form.hidden = false;
else say(incomplete);
