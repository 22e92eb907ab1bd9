import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Who may import whom: a folder may use itself and what is listed here. */
const MAY_IMPORT = {
  protocol: [],
  lib: ['protocol'],
  client: ['protocol', 'lib'],
  browser: ['client', 'protocol'],
  workspace: ['protocol', 'lib'],
  agent: ['protocol', 'lib'],
  provisioning: ['client', 'protocol', 'lib'],
  cli: ['client', 'provisioning', 'protocol', 'lib'],
  providers: ['client', 'protocol', 'lib'],
  extension: ['providers', 'client', 'protocol', 'lib'],
};

/** What the extension's bundle consists of. */
const IN_EXTENSION = ['extension', 'providers', 'client', 'protocol', 'lib'];
const KNOWS_VSCODE = ['extension', 'providers'];

const vscodeBan = { name: 'vscode', message: 'Only src/extension.ts and src/providers know VS Code.' };
const leanBan = {
  regex: '^(zod$|zod/v4$|undici|fastify|pino|jose|@google-cloud)',
  message: 'The extension carries none of this: zod/mini, node:http and fetch serve here.',
};

const nodeBan = { regex: '^(node:|ws$)', message: 'A browser has no modules of Node.js.' };

/** Where zod/mini and what the platform has must do. */
const LEAN = [...IN_EXTENSION, 'browser'];

/** Imports of another folder are relative paths: up to src and down again, or down only in src/cli.ts and src/extension.ts. */
function folderBan(folder) {
  const allowed = MAY_IMPORT[folder];
  const forbidden = Object.keys(MAY_IMPORT).filter((name) => name !== folder && !allowed.includes(name));
  return {
    regex: `^(\\./|(\\.\\./)+(src/)?)((${forbidden.join('|')})/|(cli|extension)\\.ts$)`,
    message: `src/${folder} imports only itself${allowed.map((name) => `, src/${name}`).join('')}. See ARCHITECTURE.md.`,
  };
}

function boundary(folder, files, patterns) {
  const paths = KNOWS_VSCODE.includes(folder) ? [] : [vscodeBan];
  return { files, rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths, patterns }] } };
}

const boundaries = [
  ...Object.keys(MAY_IMPORT).map((folder) =>
    boundary(
      folder,
      [`src/${folder}/**/*.ts`, `src/${folder}.ts`],
      [folderBan(folder), ...(LEAN.includes(folder) ? [leanBan] : []), ...(folder === 'browser' ? [nodeBan] : [])],
    ),
  ),
  // What the services share; the bundle's own ban keeps it out of the extension.
  boundary(
    'lib',
    ['src/lib/http-service.ts', 'src/lib/http-metrics.ts', 'src/lib/log.ts', 'src/lib/openapi/*.ts'],
    [folderBan('lib')],
  ),
];

/** Manifest and code stay the same set, and context keys have defaults, because this is done in one place each. */
const typedCommands = {
  files: ['src/extension.ts', 'src/providers/**'],
  ignores: ['src/providers/commands/register.ts', 'src/providers/commands/context-keys.ts'],
  rules: {
    'no-restricted-properties': [
      'error',
      { property: 'registerCommand', message: 'Commands are registered in src/providers/commands/register.ts.' },
    ],
    'no-restricted-syntax': [
      'error',
      {
        selector: 'Literal[value="setContext"]',
        message: 'Context keys are set in src/providers/commands/context-keys.ts.',
      },
    ],
  },
};

export default defineConfig(
  globalIgnores(['dist', 'out', 'node_modules', 'tools/vscode']),
  js.configs.recommended,
  { rules: { eqeqeq: 'error', 'no-console': 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  boundaries,
  typedCommands,
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'no-console': 'off' } },
  {
    files: ['*.js', 'tools/**/*.js', 'test/**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly' } },
    rules: { 'no-console': 'off' },
  },
);
