import { isolated, markup } from './html.js';
import type { Page } from './page.js';
import type { View } from './view.js';

/** The page at the root of a server. @param isDocumented whether Swagger UI is where this page is opened */
export function rootPage(view: View, { isDocumented }: { isDocumented: boolean }): Page {
  const { name, base } = view.brand;
  const docs = isDocumented && markup`<li><a href="${base}/docs">${view.say('root.docs')}</a></li>`;
  // The role is for Safari, to which a list without markers is not a list.
  return {
    title: name,
    main: markup`<h1>${isolated(name)}</h1>
<p>${view.html('root.text', { service: isolated(name) })}</p>
<ul role="list">
${docs}
<li><a href="${base}/readyz">${view.say('root.ready')}</a></li>
</ul>`,
  };
}
