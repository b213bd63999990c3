import { htmlPage, INCOMPLETE_LINK, pagePolicy, UNREACHABLE } from './page.js';

/**
 * The token comes in the fragment, which browsers send to nobody, and leaves the address bar at once. Another link
 * opened in the same tab differs in its fragment only: that alone would not load the page again.
 */
const SCRIPT = `
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  addEventListener('hashchange', () => location.reload());
  const [form, password, button, problem, done] = ['form', 'password', 'save', 'problem', 'done'].map((id) =>
    document.getElementById(id));
  function say(text, { isPassword = false } = {}) {
    problem.textContent = text;
    if (isPassword) password.setAttribute('aria-invalid', 'true');
    else password.removeAttribute('aria-invalid');
  }
  function end(message) {
    form.remove();
    message.focus();
  }
  async function save() {
    const answer = await fetch(location.pathname.replace(/password\\/reset\\/?$/, 'account/password'), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: { password: password.value, reset_password_token: token } }),
    });
    if (answer.ok) {
      done.textContent = 'Your password is changed. You can sign in with it now.';
      return end(done);
    }
    const { errors = {}, message } = await answer.json();
    if (errors.reset_password_token) {
      say('This link has been used or has expired. Ask for a new one.');
      return end(problem);
    }
    if (errors.password) say('The password ' + errors.password[0] + '.', { isPassword: true });
    else say(message);
    password.focus();
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    say('');
    button.disabled = true;
    await save().catch(() => {
      say('${UNREACHABLE}');
      password.focus();
    });
    button.disabled = false;
  });
  document.getElementById('show').addEventListener('change', (event) => {
    password.type = event.target.checked ? 'text' : 'password';
  });
  if (token) form.hidden = false;
  else say('${INCOMPLETE_LINK}');
`;

export const RESET_PAGE_POLICY = pagePolicy({ script: SCRIPT });

/** The page on which a password is reset. Opening it changes nothing: only its form does. */
export function resetPage(passwordMinLength: number): string {
  return htmlPage({
    title: 'Choose a new password',
    script: SCRIPT,
    main: `<h1>Choose a new password</h1>
<noscript><p>This page needs JavaScript: the part of the link that identifies you is only read in your browser.</p></noscript>
<p id="problem" role="alert" tabindex="-1"></p>
<form id="form" hidden>
<label for="password">New password</label>
<input id="password" type="password" autocomplete="new-password" required aria-describedby="hint problem">
<p class="hint" id="hint">At least ${passwordMinLength} characters.</p>
<label><input id="show" type="checkbox"> Show the password</label>
<button id="save" type="submit">Save</button>
</form>
<p id="done" role="status" tabindex="-1"></p>`,
  });
}
