import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Who may import whom: a folder may use itself, what is listed here, and src/protocol and src/lib. */
const MAY_IMPORT = {
  protocol: [],
  lib: ['protocol'],
  client: ['protocol', 'lib'],
  workspace: ['protocol', 'lib'],
  agent: ['protocol', 'lib'],
  provisioning: ['client', 'protocol', 'lib'],
  cli: ['client', 'provisioning', 'protocol', 'lib'],
  providers: ['client', 'protocol', 'lib'],
};

const zones = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  target: [`./src/${folder}`, `./src/${folder}.ts`],
  from: './src',
  except: [folder, ...allowed].map((name) => `./${name}`),
  message: `src/${folder} imports only itself${allowed.map((name) => `, src/${name}`).join('')}. See ARCHITECTURE.md.`,
}));

const vscodeOnlyInProviders = {
  files: ['src/**/*.ts'],
  ignores: ['src/providers/**', 'src/extension.ts'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      { paths: [{ name: 'vscode', message: 'Only src/extension.ts and src/providers know VS Code.' }] },
    ],
  },
};

const leanExtension = {
  files: ['src/extension.ts', 'src/providers/**', 'src/client/**', 'src/protocol/**', 'src/lib/**'],
  rules: {
    'no-restricted-syntax': [
      'error',
      {
        selector:
          'ImportDeclaration[source.value=/^(zod$|zod\\u002Fv4$|undici|fastify|pino|jose|@google-cloud)/]:not([source.value="zod/mini"])',
        message: 'The extension carries none of this: zod/mini, node:http and fetch serve here.',
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
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    rules: { 'import-x/no-restricted-paths': ['error', { zones }] },
  },
  vscodeOnlyInProviders,
  leanExtension,
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'no-console': 'off' } },
  {
    files: ['*.js', 'tools/**/*.js', 'test/**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly' } },
    rules: { 'no-console': 'off' },
  },
);
