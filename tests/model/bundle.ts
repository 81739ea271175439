import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, type Plugin } from 'vite';
import type { PlantedBug } from './planted-bugs.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Those of the library, or so small ones that a few records are many. */
export type Bounds = 'real' | 'small';

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

/** Bounds by file, for what is to be met with a few records as it is with many: several leaves, pieces, parts and batches. */
const bounds: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'sw/protocol/file.ts': { chunkBytes: 8 },
  'sw/store/blocked.ts': { fewWaiting: 1 },
  'sw/store/changes.ts': { fewLeft: 2 },
  'sw/store/clear.ts': { keysInSegment: 2 },
  'sw/store/compaction.ts': { recordsBound: 6, segmentsBound: 2, leavesInSlice: 1, deletesInTransaction: 2 },
  'sw/store/find-keys.ts': { leavesInSlice: 1, hitsInSlice: 2 },
  'sw/store/hits.ts': { leavesInSlice: 1, textsOfLeaf: 1, leavesWithTexts: 2 },
  'sw/store/in-parts.ts': { rowsInPart: 2 },
  'sw/store/leaf-builder.ts': { leafRecords: 2 },
  'sw/store/marks.ts': { keysInRow: 2, rowsInSlice: 1 },
  'sw/store/scan.ts': { leavesInSlice: 1 },
  'sw/store/schema-version.ts': { rowsInSlice: 1 },
  'sw/store/staging.ts': { leavesInTransaction: 1, leavesBetweenReads: 1, recordsInSegment: 2 },
  'sw/store/sweep-seqs.ts': { seqsAtOnce: 3 },
  'sw/sync/batch-rows.ts': { gapInRange: 1, worthLooking: 2 },
  'sw/sync/changed-keys.ts': { keysTold: 2 },
  'sw/sync/fetch-contents.ts': { contentsInRound: 1 },
  'sw/sync/known-changes.ts': { fewest: 1, mostKeys: 3 },
  'sw/sync/merge-meanwhile.ts': { mostSent: 3 },
  'sw/sync/receive.ts': { keysInPart: 1 },
  'sw/sync/selection.ts': { keysInPart: 1 },
  'sw/sync/superseded.ts': { keysInSlice: 1 },
  'sw/sync/upload-leavers.ts': { rowsAtOnce: 1 },
  'sw/sync/upload-plan.ts': { changesInBatch: 3 },
  'sw/sync/upload-stretch.ts': { rowsAtOnce: 1 },
};

/** Makes the bounds small; fails if one is not there any more. */
function smallBounds(which: Bounds): Plugin {
  return {
    name: 'small-bounds',
    enforce: 'pre',
    transform(code, id) {
      const file = path.relative(root, id);
      let changed = code;
      for (const [name, bound] of Object.entries(bounds[file] ?? {})) {
        // Files of a few bytes are to have several chunks in any case.
        if (which === 'real' && name !== 'chunkBytes') continue;
        const declared = new RegExp(`(const ${name}(?:: number)? = )[0-9_* ]+;`);
        if (!declared.test(changed)) throw new Error(`The model finds no bound ${name} in ${file}.`);
        changed = changed.replace(declared, `$1${bound};`);
      }
      return changed === code ? null : { code: changed, map: null };
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
export async function bundleModel(bug: PlantedBug | null = null, which: Bounds = 'real'): Promise<string> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'holdfast-model-'));
  await build({
    configFile: false,
    root,
    publicDir: false,
    logLevel: 'error',
    plugins: [smallBounds(which), standIns(), ...(bug === null ? [] : [planter(bug)])],
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
