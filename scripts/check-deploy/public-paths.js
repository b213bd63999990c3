// What Ingress and HTTPRoute let through: every route of OpenAPI and every page, but for what is for operators.
import { readFileSync } from 'node:fs';
import { OPERATORS_PATHS } from '../../dist/src/config/doors.js';

const INSIDE = Object.values(OPERATORS_PATHS).flat();
/** Pages, which OpenAPI does not describe. */
const PAGES = [
  '/password/reset',
  '/password/forgot',
  '/password/forgot/sent',
  '/email/verify',
  '/email/verify/again',
  '/email/verify/again/sent',
  '/email/undo',
  '/brand/logo',
  '/wayf/{id}',
];

const description = new URL('../../docs/openapi.json', import.meta.url);
const routes = [...Object.keys(JSON.parse(readFileSync(description, 'utf8')).paths), ...PAGES];

/** @param paths of the Ingress or the HTTPRoute: each a path, and whether it is exact */
export function publicPathProblems(paths) {
  const isLed = (route) => paths.some(({ path, exact }) => (exact ? route === path : isBelow(route, path)));
  const isInside = (route) => INSIDE.some((path) => isBelow(route, path));
  return [
    ...routes.filter((route) => !isInside(route) && !isLed(route)).map((route) => `it does not lead to ${route}`),
    ...[...routes.filter(isInside), ...INSIDE]
      .filter(isLed)
      .map((route) => `it leads to ${route}, which is for operators`),
  ];
}

/** Element by element, as both kinds compare prefixes. */
const isBelow = (route, path) => route === path || route.startsWith(`${path.replace(/\/$/, '')}/`);
