import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/**
 * The floors of the house, lowest first. A folder may import from its own floor's folder and from the
 * floors below, never from a floor above or from a neighbour on the same floor (the plain ones excepted).
 */
const floors = [
  [
    'config',
    'logging',
    'errors',
    'access',
    'http',
    'database',
    'keys',
    'limits',
    'mail',
    'audit',
    'health',
    'metrics',
    'revocations',
  ],
  ['tokens'],
  ['accounts'],
  ['sessions'],
  ['account-admin', 'account-emails', 'audit-events', 'app-tokens', 'api-tokens', 'oauth', 'identifications'],
  ['guards'],
];

const importRules = floors.flatMap((folders, floor) =>
  folders.map((folder) => {
    const neighbours = floor === 0 ? [] : folders.filter((other) => other !== folder);
    const forbidden = [...neighbours, ...floors.slice(floor + 1).flat()];
    return {
      files: [`src/${folder}/**/*.ts`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                group: [...forbidden.map((name) => `**/${name}/*.js`), '**/app.module.js', '**/main.js'],
                message: `${folder} imports only from the floors below it (see eslint.config.js).`,
              },
            ],
          },
        ],
      },
    };
  }),
);

export default tseslint.config(
  { ignores: ['**/dist', 'coverage', 'node_modules'] },
  {
    files: ['**/*.ts'],
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
          message: 'Make a DatabaseClient (database/connection.ts): one that is lost must not end the process.',
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
  ...importRules,
  prettier,
);
