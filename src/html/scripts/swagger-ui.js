// The script of the page of Swagger UI. What is served puts the description before it, as `spec`.
{
  /** @typedef {{ servers: object[], components: { securitySchemes: Record<string, { flows?: { clientCredentials?: { tokenUrl: string } } }> } }} Spec */
  /** @typedef {{ spec: Spec, SwaggerUIBundle: ((options: object) => void) & { presets: { apis: object }, plugins: { DownloadUrl: object } }, SwaggerUIStandalonePreset: object }} Globals */
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

  Bundle({
    spec,
    dom_id: '#swagger-ui',
    deepLinking: true,
    presets: [Bundle.presets.apis, Preset],
    plugins: [Bundle.plugins.DownloadUrl],
    layout: 'StandaloneLayout',
    persistAuthorization: false,
    displayRequestDuration: true,
  });
}
