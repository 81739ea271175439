import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../sw/protocol/errors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

interface Snippet {
  readonly name: string;
  readonly code: string;
}

/** The TypeScript of a page of the documentation. */
function snippetsOf(file: string): Snippet[] {
  return [...read(file).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = ''], index) => ({
    name: `${file.replaceAll(/\W/g, '-')}-${index}.ts`,
    code,
  }));
}

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => `${folder}/${file}`);
}

/** The examples of docstrings, as an app would write them. */
function examplesOf(file: string): Snippet[] {
  const entry = file.startsWith('client/') ? 'client' : 'sw';
  const exported = [...read(`${entry}/index.ts`).matchAll(/export \{([^}]*)\}/g)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '));
  return [...read(file).matchAll(/ \* @example\n((?: \*.*\n)*?) \*(?:\/| @)/g)].map(([, lines = ''], index) => {
    const code = lines.replaceAll(/^ \* ?/gm, '').replaceAll(/^```.*$/gm, '');
    const isUsed = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(code);
    const used = exported.filter(isUsed);
    const own = [...read(file).matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => isUsed(name) && !used.includes(name));
    const imports = `import { ${used.join(', ')} } from 'holdfast/${entry}';\nimport { ${own.join(', ')} } from './${file}';`;
    return {
      name: `${file.replaceAll(/\W/g, '-')}-${index}.ts`,
      code: code.includes('import ') ? code : `${imports}\n${code}`,
    };
  });
}

/** What an example may take from the app around it. */
const surroundings = `
declare global {
  function showVisits(...args: unknown[]): void;
  function show(...args: unknown[]): void;
  const tables: Readonly<Record<string, { readonly path: string; readonly key: string }>>;
}
export {};
`;

/** What an example of a page may take besides: the client that another example made. */
const pageSurroundings = `
declare global {
  const sync: import('holdfast/client').SyncClient;
}
`;

function problems(snippets: readonly Snippet[], lib: readonly string[]): string[] {
  const files = new Map(snippets.map(({ name, code }) => [path.join(root, name), `${code}\nexport {};\n`]));
  const ambient = path.join(root, 'surroundings.d.ts');
  files.set(ambient, lib.includes('dom') ? `${surroundings}${pageSurroundings}` : surroundings);
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: lib.map((name) => `lib.${name}.d.ts`),
    types: [],
    paths: { 'holdfast/sw': ['./sw/index.ts'], 'holdfast/client': ['./client/index.ts'] },
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const host = ts.createCompilerHost(options);
  const plain = { ...host };
  host.getCurrentDirectory = () => root;
  host.fileExists = (name) => files.has(name) || plain.fileExists(name);
  host.readFile = (name) => files.get(name) ?? plain.readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name);
    return text === undefined ? plain.getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((name) => {
    const file = program.getSourceFile(name);
    return ts.getPreEmitDiagnostics(program, file).map((problem) => {
      const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(problem.start ?? 0).line + 1;
      return `${path.basename(name)}:${line} ${ts.flattenDiagnosticMessageText(problem.messageText, ' ')}`;
    });
  });
}

const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
);

describe('the documentation', () => {
  it('has an entry in its error index for every code, and no other', () => {
    const listed = [...read('docs/errors.md').matchAll(/^\| `([\w-]+)` \|/gm)].map(([, code]) => code);
    expect(listed).toEqual([...errorCodes].sort());
  });

  it('has examples that compile, for the worker', { timeout: 60_000 }, () => {
    const snippets = [...pages.flatMap(snippetsOf), ...sources('sw').flatMap(examplesOf)];
    const ours = snippets.filter((snippet) => snippet.code.includes("'holdfast/sw'"));
    expect(ours.length).toBeGreaterThanOrEqual(2);
    expect(problems(ours, ['es2023', 'webworker'])).toEqual([]);
  });

  it('has examples that compile, for pages', { timeout: 60_000 }, () => {
    const snippets = [...pages.flatMap(snippetsOf), ...sources('client').flatMap(examplesOf)];
    const ours = snippets.filter((snippet) => !snippet.code.includes("'holdfast/sw'"));
    expect(ours.length).toBeGreaterThanOrEqual(2);
    expect(problems(ours, ['es2023', 'dom', 'dom.iterable'])).toEqual([]);
  });

  it('names buttons and places that the demo has', () => {
    const shown = sources('demo/app').map(read).join('\n').replaceAll(/\s+/g, ' ');
    const sections = [
      /## Where the demo shows it\n[^]*/.exec(read('docs/synchronizing.md'))?.[0],
      /## Try it\n[^]*?\n## /.exec(read('README.md'))?.[0],
    ];
    const names = sections.flatMap((section) => [...(section ?? '').matchAll(/(?<!\*)\*([^*\n]+)\*(?!\*)/g)]);
    expect(names.length).toBeGreaterThan(20);
    expect(names.map(([, name = '']) => name).filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('links to pages that are there', () => {
    const missing = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)]
        .map(([, target = '']) => path.normalize(path.join(path.dirname(page), target)))
        .filter(
          (target) => !ts.sys.fileExists(path.join(root, target)) && !ts.sys.directoryExists(path.join(root, target)),
        )
        .map((target) => `${page}: ${target}`),
    );
    expect(missing).toEqual([]);
  });
});
