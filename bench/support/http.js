/**
 * One request, as it is given to autocannon; again while the server is not ready, which it says of itself on a machine
 * with too much to do.
 * @returns status and body, as text and, where it is JSON, read
 */
export async function ask(server, { method, path, headers, body }, tries = 10) {
  const answer = await fetch(`${server.url}${path}`, { method, headers, body });
  if (answer.status === 503 && tries > 1) {
    await answer.body.cancel();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return ask(server, { method, path, headers, body }, tries - 1);
  }
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer has a body.
  }
  return { status: answer.status, text, json };
}

/** As `ask`, for what prepares a measurement. */
export async function must(server, request) {
  const answer = await ask(server, request);
  if (answer.status >= 300) throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

export const json = (method, path, value, headers = {}) => ({
  method,
  path,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

export const form = (path, fields, headers = {}) => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  body: new URLSearchParams(fields).toString(),
});
