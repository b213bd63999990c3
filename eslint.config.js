import { readdirSync } from 'node:fs';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/**
 * The floors of the house, lowest first. A folder imports from itself and from the floors below: neither from a floor above
 * nor from a neighbour, so that no two folders import each other, however long the way around. docs/architecture.md shows it.
 */
const floors = [
  ['config', 'logging', 'messages'],
  ['html', 'tracing'],
  ['errors', 'workers'],
  ['access', 'database'],
  ['http'],
  ['emails', 'openapi'],
  ['metrics'],
  ['revocations'],
  ['audit-log', 'brand', 'health', 'root'],
  ['keys'],
  ['idempotency', 'limits', 'mail', 'tokens'],
  ['email-links'],
  ['accounts'],
  ['passwords'],
  ['sessions'],
  ['password-resets'],
  ['account-admin', 'account-emails', 'api-tokens', 'app-tokens', 'audit-log-reader', 'identifications', 'oauth'],
  ['bootstrap', 'exports', 'guards', 'imports', 'inspection', 'mass-revocation'],
  ['commands'],
];

const folders = readdirSync(new URL('src', import.meta.url), { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
);
const homeless = folders.map(({ name }) => name).filter((name) => !floors.flat().includes(name));
if (homeless.length > 0)
  throw new Error(`These folders of src have no floor in eslint.config.js: ${homeless.join(', ')}`);

const importRules = floors.flatMap((folders, floor) =>
  folders.map((folder) => {
    const allowed = [folder, ...floors.slice(0, floor).flat()];
    const forbidden = floors.flat().filter((name) => !allowed.includes(name));
    const patterns = forbidden.length === 0 ? [] : [`^(\\.\\./)+(${forbidden.join('|')})/`];
    // What puts the server together stands above every folder but the commands.
    if (folder !== 'commands') patterns.push('^(\\.\\./)+[\\w.-]+\\.js$');
    const message = `${folder} imports only from the floors below it (see eslint.config.js).`;
    const restricted = patterns.map((regex) => ({ regex, message }));
    // Flat bodies are read without class-transformer, so that decorators of its own would not count there.
    const own = { regex: '^class-transformer', message: 'Fields are read by ReadAs and Nested (http).' };
    return {
      files: [`src/${folder}/*.ts`],
      rules: {
        'no-restricted-imports': ['error', { patterns: folder === 'http' ? restricted : [...restricted, own] }],
      },
    };
  }),
);

export default tseslint.config(
  // test/generated-clients is compiled by its suite, with what is generated.
  { ignores: ['**/dist', 'coverage', 'node_modules', 'test/generated-clients'] },
  {
    files: ['**/*.ts', 'src/html/scripts/*.js'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Nest modules are classes that carry nothing but their decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // DTO classes describe shapes to class-validator and Swagger; what is answered need not be made by them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          "NewExpression[callee.object.name='pg'][callee.property.name=/^(Client|Pool)$/]",
          "ImportDeclaration[source.value='pg'] > ImportSpecifier[imported.name=/^(Client|Pool)$/]",
        ].map((selector) => ({
          selector,
          message: 'Make a DatabaseClient (database/clients.ts): one that is lost must not end the process.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'packages/*/test/**/*.ts'],
    rules: {
      // Tests look into whatever came back.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['src/html/scripts/*.js'],
    // The rule does not see a type that is given in JSDoc.
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  ...importRules,
  prettier,
);
