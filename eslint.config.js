import path from 'node:path';
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const root = import.meta.dirname;

/**
 * What each folder may import from the project's own code; itself always, and packages freely.
 * `sw` stands for the files directly in sw/ and in sw/events, which wire everything together.
 *
 * @type {Record<string, string[]>}
 */
const importDirection = {
  'sw/protocol': [],
  'sw/filter': ['sw/protocol'],
  'sw/store': ['sw/protocol', 'sw/filter'],
  'sw/backend': ['sw/protocol', 'sw/filter', 'sw/store'],
  'sw/broadcast': ['sw/protocol'],
  'sw/sync': ['sw/protocol', 'sw/filter', 'sw/store', 'sw/backend', 'sw/broadcast'],
  'sw/router': ['sw/protocol', 'sw/filter', 'sw/store', 'sw/backend', 'sw/sync'],
  sw: [],
  client: ['sw/protocol'],
  'demo/server': ['sw/protocol', 'sw/filter'],
  // The app uses the library as anyone does: by its package name, which leads to dist/.
  'demo/app': ['dist'],
};

const zones = Object.entries(importDirection).map(([folder, allowed]) => ({
  target: path.join(root, folder),
  from: root,
  except: ['node_modules', folder, ...allowed],
  message: `${folder}/ may import only from ${[folder, ...allowed].join(', ')}.`,
}));

export default defineConfig(
  globalIgnores(['dist/', 'dist-demo/', 'data/', '.data/', 'test-results/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: root },
    },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/no-shadow': 'error',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unsafe-type-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/strict-boolean-expressions': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      // TypeScript finds these itself.
      'no-undef': 'off',
    },
  },
  {
    files: ['**/*.ts', '**/*.js', '**/*.mjs'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.mjs', '.json'] })],
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      eqeqeq: 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
      'import-x/no-cycle': 'error',
      'import-x/no-duplicates': ['error', { 'prefer-inline': true }],
      'import-x/no-self-import': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
    },
  },
  {
    files: ['sw/**/*.ts', 'client/**/*.ts', 'demo/app/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        console: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
        URL: 'readonly',
      },
    },
  },
);
