import { createHash } from 'node:crypto';

/** The style of all pages. */
const STYLE = `
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; color: #1a1a1a;
    background: #fff; overflow-wrap: break-word }
  h1 { font-size: 1.5rem; line-height: 1.25 }
  label { display: block; margin-top: 1rem }
  input[type=email], input[type=password], input[type=search], input[type=text] { font: inherit; width: 100%;
    box-sizing: border-box; margin-top: .375rem; padding: .5rem; border: 1px solid #595959; border-radius: .25rem;
    color: inherit; background: #fff }
  input[aria-invalid] { border-color: #b3261e }
  button { font: inherit; margin-top: 1rem; padding: .5rem 1rem; border: 0; border-radius: .25rem; color: #fff;
    background: #0b57d0 }
  button:disabled { background: #595959 }
  a { color: #0b57d0 }
  ul { padding: 0; list-style: none }
  li a { display: block; padding: .5rem 0 }
  :focus-visible { outline: 3px solid #0b57d0; outline-offset: 2px }
  p:focus { outline: none }
  #problem { color: #b3261e }
  .hint { color: #595959; margin: .375rem 0 }
`;

export interface Page {
  title: string;
  /** HTML, in which all input has been escaped by {@link escapeHtml}. */
  main: string;
  script?: string;
}

/** @returns a text escaped for use between tags and in quoted attributes */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @returns a whole page, in the style of all pages */
export function htmlPage({ title, main, script }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>${script === undefined ? '' : `\n<script>${script}</script>`}
</body>
</html>
`;
}

/** The Content-Security-Policy of a page: only its own script and style, and no framing.
 * @param script the page's script, if it has one, which may send requests to its own origin
 * @param formTargets where its forms may lead, including redirects
 */
export function pagePolicy({ script, formTargets = [] }: { script?: string; formTargets?: string[] }): string {
  return [
    "default-src 'none'",
    ...(script === undefined ? [] : [`script-src ${hash(script)}`]),
    `style-src ${hash(STYLE)}`,
    ...(script === undefined ? [] : ["connect-src 'self'"]),
    "base-uri 'none'",
    `form-action ${formTargets.join(' ') || "'none'"}`,
    "frame-ancestors 'none'",
  ].join('; ');
}

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
