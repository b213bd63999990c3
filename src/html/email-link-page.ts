import { htmlPage, INCOMPLETE_LINK, pagePolicy, UNREACHABLE } from './page.js';

/** What a page for a link says and does. */
export interface EmailLinkPage {
  title: string;
  /** What happens when the button is pressed. */
  hint: string;
  button: string;
  done: string;
  /** Where the token goes, below the root. */
  endpoint: string;
  field: string;
}

export const VERIFICATION_PAGE: EmailLinkPage = {
  title: 'Verify your email',
  hint: 'Press the button to confirm that this is your email. You can sign in afterwards.',
  button: 'Verify the email',
  done: 'Your email is verified. You can sign in now.',
  endpoint: 'account/email',
  field: 'verify_email_token',
};

export const UNDO_PAGE: EmailLinkPage = {
  title: 'Undo the change of your email',
  hint:
    'Press the button to restore your previous email. Everyone is signed out of your account, its password ' +
    'is removed, and you receive a mail to choose a new one.',
  button: 'Undo the change',
  done: 'Your email has been restored and everyone is signed out. You will receive a mail to choose a new password.',
  endpoint: 'account/email/undo',
  field: 'undo_email_token',
};

/** The token comes in the fragment, which browsers send to nobody, and leaves the address bar at once. */
const scriptOf = ({ done, endpoint, field }: EmailLinkPage) => `
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  addEventListener('hashchange', () => location.reload());
  const [form, button, problem, done] = ['form', 'press', 'problem', 'done'].map((id) => document.getElementById(id));
  function end(message, text) {
    form.remove();
    problem.textContent = '';
    message.textContent = text;
    message.focus();
  }
  async function press() {
    const answer = await fetch(location.pathname.replace(/email\\/\\w+\\/?$/, '${endpoint}'), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: { ${field}: token } }),
    });
    if (answer.ok) return end(done, '${done}');
    const { errors = {}, message } = await answer.json();
    if (errors.${field}) return end(problem, 'This link has been used or has expired.');
    problem.textContent = message;
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.textContent = '';
    button.disabled = true;
    await press().catch(() => {
      problem.textContent = '${UNREACHABLE}';
    });
    button.disabled = false;
  });
  if (token) form.hidden = false;
  else problem.textContent = '${INCOMPLETE_LINK}';
`;

/** The Content-Security-Policy of the page. */
export const emailLinkPolicy = (page: EmailLinkPage): string => pagePolicy({ script: scriptOf(page) });

/** A page with one button. Opening it changes nothing: mail scanners open links too. */
export function emailLinkPage(page: EmailLinkPage): string {
  return htmlPage({
    title: page.title,
    script: scriptOf(page),
    main: `<h1>${page.title}</h1>
<noscript><p>This page needs JavaScript: the part of the link that identifies you is only read in your browser.</p></noscript>
<p id="problem" role="alert" tabindex="-1"></p>
<form id="form" hidden>
<p>${page.hint}</p>
<button id="press" type="submit">${page.button}</button>
</form>
<p id="done" role="status" tabindex="-1"></p>`,
  });
}
