// The script of the page of Swagger UI. What is served puts the description before it, as `spec`.
{
  /** @typedef {{ servers: object[], components: { securitySchemes: Record<string, { flows?: { clientCredentials?: { tokenUrl: string } } }> } }} Spec */
  /** @typedef {{ authActions: { restoreAuthorization: (kept: unknown) => void }, authSelectors: { authorized: () => unknown }, getStore: () => { subscribe: (act: () => void) => void } }} Ui */
  /** @typedef {{ spec: Spec, SwaggerUIBundle: ((options: object) => Ui) & { presets: { apis: object }, plugins: { DownloadUrl: object } }, SwaggerUIStandalonePreset: object }} Globals */
  const {
    spec: served,
    SwaggerUIBundle: Bundle,
    SwaggerUIStandalonePreset: Preset,
  } = /** @type {Globals & Window} */ (/** @type {unknown} */ (window));

  // Emails and names are one account's only: whoever opens the page gets some that nobody has yet.
  const spec = /** @type {Spec} */ (JSON.parse(JSON.stringify(served).replaceAll('{once}', Date.now().toString(36))));

  // The page calls where it was opened, whatever name or path it was reached by: browsers let it call nothing else.
  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);
  const base = new URL('..', src).href.replace(/\/$/, '');
  spec.servers = [{ url: base }];
  for (const { flows } of Object.values(spec.components.securitySchemes)) {
    if (flows?.clientCredentials) flows.clientCredentials.tokenUrl = `${base}/oauth/token`;
  }

  const ui = Bundle({
    spec,
    dom_id: '#swagger-ui',
    deepLinking: true,
    filter: true,
    presets: [Bundle.presets.apis, Preset],
    plugins: [Bundle.plugins.DownloadUrl],
    layout: 'StandaloneLayout',
    // That would keep it in this browser, for whoever uses it next.
    persistAuthorization: false,
    displayRequestDuration: true,
    onComplete: keepAuthorization,
  });

  /** Keeps in this tab what was authorised, until it is closed. */
  function keepAuthorization() {
    const key = `authorized ${base}`;
    const kept = sessionStorage.getItem(key);
    if (kept !== null) ui.authActions.restoreAuthorization({ authorized: JSON.parse(kept) });
    ui.getStore().subscribe(() => {
      sessionStorage.setItem(key, JSON.stringify(ui.authSelectors.authorized() ?? {}));
    });
  }

  /** What Swagger UI leaves without a name that is read aloud. */
  const NAMES = {
    '#servers': 'Server',
    '.close-modal': 'Close',
    '.body-param textarea': 'Body',
    '.examples-select-element': 'Example',
  };

  // Each form of the dialog takes the focus, the last one too: it would open at its end.
  new MutationObserver((changes) => {
    for (const [selector, name] of Object.entries(NAMES)) {
      for (const element of document.querySelectorAll(selector)) element.setAttribute('aria-label', name);
    }
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    const dialog = added.find((node) => node instanceof Element && node.querySelector('.modal-ux'));
    if (!(dialog instanceof Element)) return;
    const first = /** @type {HTMLElement | null} */ (dialog.querySelector('input:enabled'));
    first?.focus({ preventScroll: true });
    const content = dialog.querySelector('.modal-ux-content');
    if (content) content.scrollTop = 0;
  }).observe(document.body, { childList: true, subtree: true });
}
