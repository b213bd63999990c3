/**
 * @param target of a request: a path, or a whole URL (RFC 9112 section 3.2), with or without a query
 * @returns the path in it as the router reads it: without what is percent-encoded needlessly (RFC 3986 section 6.2.2.2)
 */
export function pathOf(target: string): string {
  const path = target.split(/[?#]/, 1)[0]?.replace(/^https?:\/\/[^/]*/i, '') ?? '';
  if (!path.includes('%')) return path === '' ? '/' : path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
