import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, type Plugin } from 'vite';
import type { PlantedBug } from './planted-bugs.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Puts a bug into the sources as they are read; fails if what it changes is not there any more. */
function planter({ name, edits }: PlantedBug): Plugin {
  const left = new Set(edits);
  return {
    name: 'planted-bug',
    enforce: 'pre',
    transform(code, id) {
      let changed = code;
      for (const edit of edits) {
        if (path.relative(root, id) !== edit.file) continue;
        if (!changed.includes(edit.find))
          throw new Error(`The planted bug «${name}» finds nothing to change in ${edit.file}.`);
        changed = changed.replace(edit.find, () => edit.replace);
        left.delete(edit);
      }
      return changed === code ? null : { code: changed, map: null };
    },
    buildEnd(error) {
      if (error === undefined && left.size > 0) throw new Error(`The planted bug «${name}» was not planted.`);
    },
  };
}

const chunkSize = 'chunkBytes: number = 1024 * 1024;';

/** Files of a few bytes are to have several chunks. */
function smallChunks(): Plugin {
  return {
    name: 'small-chunks',
    enforce: 'pre',
    transform(code, id) {
      if (path.relative(root, id) !== 'sw/protocol/file.ts') return null;
      if (!code.includes(chunkSize)) throw new Error('The size of chunks is not where the model makes it smaller.');
      return { code: code.replace(chunkSize, 'chunkBytes: number = 8;'), map: null };
    },
  };
}

/** Parts of fake-indexeddb that take much of the time, and what is exported in their stead. */
const parts: Readonly<Record<string, string>> = {
  'RecordStore.js': "export { RecordStore as default } from 'record-store.ts'",
  'FakeEventTarget.js': "export { FakeEventTarget as default } from 'events.ts'",
  'FakeEvent.js': "export { FakeEvent as default } from 'events.ts'",
  'FakeDOMStringList.js': "export { NameList as default } from 'name-list.ts'",
  'valueToKeyWithoutThrowing.js': "export { toKey as default, INVALID_TYPE, INVALID_VALUE } from 'keys.ts'",
  'cmp.js': "export { cmp as default, cmpKeys } from 'keys.ts'",
};

function standIns(): Plugin {
  const left = new Set(Object.keys(parts));
  return {
    name: 'stand-ins',
    enforce: 'pre',
    load(id) {
      const part = /fake-indexeddb\/build\/esm\/lib\/(\w+\.js)$/.exec(id)?.[1] ?? '';
      const code = parts[part];
      if (code === undefined) return null;
      left.delete(part);
      return code.replace(" from '", ` from '${root}/tests/model/stand-ins/`);
    },
    buildEnd(error) {
      if (error === undefined && left.size > 0) throw new Error(`fake-indexeddb has no ${[...left].join(', ')}.`);
    },
  };
}

/** Bundles the model with the library's sources, as one module for threads of its own. Gives the file. */
export async function bundleModel(bug: PlantedBug | null = null): Promise<string> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'holdfast-model-'));
  await build({
    configFile: false,
    root,
    publicDir: false,
    logLevel: 'error',
    plugins: [smallChunks(), standIns(), ...(bug === null ? [] : [planter(bug)])],
    resolve: {
      alias: {
        'workbox-routing': path.join(root, 'tests/model/world/routes.ts'),
        idb: path.join(root, 'tests/model/stand-ins/idb.ts'),
      },
    },
    ssr: { noExternal: true },
    build: {
      ssr: path.join(root, 'tests/model/world/main.ts'),
      outDir,
      emptyOutDir: true,
      minify: false,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'model.mjs' } },
    },
  });
  return path.join(outDir, 'model.mjs');
}
