// The tables of docs/permissions.md, from docs/openapi.json. `npm run openapi` writes them, and a test compares them.

const LINE = /^- (?<who>[^,\n]+), with (?<schemes>.+?): (?<routes>(?:.|\n {2})+)$/gm;
const ROUTE = /`(?<method>[A-Z]+) (?<path>[^`]+)`(?: as `(?<schema>\w+)`)?/g;
const TABLE = /<!-- fields -->[\s\S]*?<!-- end -->/;

/**
 * @returns {{ page: string, problems: string[] }} the page with its tables as the description has them, and what the page says of
 *   routes that the description does not
 */
export function writePermissions(page, description) {
  const problems = [];
  const listed = [];
  const sections = page.split(/^(?=## )/m).map((section) => {
    const columns = columnsOf(section, description, problems);
    listed.push(...columns.flatMap(({ routes }) => routes.map(({ name }) => name)));
    return section.replace(TABLE, () => tableOf(columns, description));
  });
  const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  for (const route of routes) if (!listed.includes(route)) problems.push(`${route} is in no section`);
  return { page: sections.join(''), problems };
}

function columnsOf(section, description, problems) {
  return [...section.matchAll(LINE)].map(({ groups: { who, schemes, routes } }) => ({
    who,
    routes: [...routes.matchAll(ROUTE)].flatMap(({ groups: { method, path, schema } }) => {
      const name = `${method} ${path}`;
      const operation = description.paths[path]?.[method.toLowerCase()];
      if (!operation) problems.push(`${name} is unknown`);
      else if (!takes(operation, schemes)) problems.push(`${name} does not take ${schemes}`);
      return operation ? [{ name, operation, schema }] : [];
    }),
  }));
}

/** `schemes`: nothing, or names of security schemes and of scopes, all of which are shown at once. */
function takes({ security = [] }, schemes) {
  const wanted = [...schemes.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  if (wanted.length === 0) return security.length === 0 || security.some((one) => Object.keys(one).length === 0);
  return security.some((one) => wanted.every((name) => name in one || Object.values(one).flat().includes(name)));
}

function tableOf(columns, description) {
  const read = columns.map(({ routes }) => new Set(routes.flatMap((route) => answered(route, description))));
  const written = columns.map(({ routes }) => new Set(routes.flatMap((route) => taken(route, description))));
  const fields = [...new Set([...read, ...written].flatMap((names) => [...names]))].sort();
  const rows = fields.map((field) => [
    `\`${field}\``,
    ...columns.map((_, i) =>
      [read[i].has(field) && 'reads', written[i].has(field) && 'writes'].filter(Boolean).join(', '),
    ),
  ]);
  const lines = [
    ['field', ...columns.map(({ who }) => who.toLowerCase())],
    columns.map(() => '---').concat('---'),
    ...rows,
  ];
  return ['<!-- fields -->', '', ...lines.map((cells) => `| ${cells.join(' | ')} |`), '', '<!-- end -->'].join('\n');
}

function answered({ operation, schema }, description) {
  const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
  if (schema) return namesOf({ $ref: `#/components/schemas/${schema}` }, description);
  return answers.flatMap(([, { content = {} }]) =>
    Object.values(content).flatMap((media) => namesOf(media.schema, description)),
  );
}

function taken({ operation }, description) {
  return Object.values(operation.requestBody?.content ?? {}).flatMap(({ schema }) => namesOf(schema, description));
}

/** The names of all fields, without the one that only wraps the others. */
function namesOf(schema, description) {
  const names = fieldsOf(schema, description);
  const [wrapper] = names[0]?.split('.') ?? [];
  return names.every((name) => name.startsWith(`${wrapper}.`))
    ? names.map((name) => name.slice(wrapper.length + 1))
    : names;
}

function fieldsOf(given, description) {
  const schema = given?.$ref ? description.components.schemas[given.$ref.split('/').at(-1)] : given;
  if (!schema) return [];
  const parts = [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  if (schema.items) parts.push(schema.items);
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const inner = fieldsOf(value, description);
    return inner.length === 0 ? [name] : inner.map((field) => `${name}.${field}`);
  });
  return [...own, ...parts.flatMap((part) => fieldsOf(part, description))];
}
