import path from 'node:path';
import type { TableDefinition } from '../../../demo/server/schema/table-definition.ts';
import { BuiltApp } from '../built-app.ts';

/** Beside those of the demo's server: every field is a text of its own, so that each value tells who wrote it. */
export const serverTables: readonly TableDefinition[] = [
  {
    name: 'notes',
    key: 'id',
    access: { type: 'owned' },
    columns: {
      id: { type: 'string' },
      a: { type: 'string' },
      b: { type: 'string' },
      kind: { type: 'string' },
      rating: { type: 'number', maximum: 5 },
    },
  },
  {
    name: 'remarks',
    key: 'id',
    access: { type: 'owned' },
    columns: { id: { type: 'string' }, a: { type: 'string' }, b: { type: 'string' } },
  },
  {
    name: 'items',
    key: 'id',
    access: { type: 'owned' },
    serverKeys: true,
    columns: {
      id: { type: 'number', integer: true },
      noteId: { type: 'string', references: { table: 'notes', onDelete: 'cascade' } },
      a: { type: 'string' },
    },
  },
  {
    name: 'attachments',
    key: 'id',
    access: { type: 'owned' },
    columns: { id: { type: 'string' }, a: { type: 'string' }, content: { type: 'file' } },
  },
];

/** Those that the oracle judges. */
export type Table = 'visits' | 'notes' | 'remarks' | 'items' | 'attachments';

const steps = JSON.stringify(path.join(import.meta.dirname, 'steps-in-worker.ts'));

/**
 * A worker of the app's first or second version, which downloads the tables that its address names. The second has a table more,
 * and another column.
 */
export function workerText(version: 1 | 2): string {
  const more = version === 2 ? "labels: { path: '/api/labels', key: 'id', scope: 'never' }," : '';
  const column = version === 2 ? ", kind: 'string'" : '';
  return `
import { batchBackend, startSync } from ${BuiltApp.importing('sw/index.ts')};
import { watchSteps } from ${steps};
watchSteps();
const named = self.location.search.slice(1).split(',');
const scope = (table) => (named.includes(table) ? 'all' : 'never');
startSync({
  name: 'sweep',
  version: ${version},
  tables: {
    places: { path: '/api/places', key: 'id', scope: 'never', columns: { name: { type: 'string', index: true } } },
    visits: { path: '/api/visits', key: 'id', scope: scope('visits'), columns: { note: 'string', status: 'string' } },
    notes: { path: '/api/notes', key: 'id', scope: scope('notes'), conflict: 'merge', columns: { a: 'string'${column} } },
    remarks: { path: '/api/remarks', key: 'id', scope: scope('remarks'), conflict: 'manual' },
    items: {
      ...{ path: '/api/items', key: 'id', scope: scope('items'), columns: { id: 'number' } },
      ...{ serverKeys: true, references: { noteId: 'notes' } },
    },
    attachments: { path: '/api/attachments', key: 'id', scope: scope('attachments'), file: 'content' },
    ${more}
  },
  commands: [{ method: 'POST', path: '/api/visits/:id/close' }],
  backend: batchBackend({ url: '/sync', live: false }),
  migrate: (change, from) => ({ ...change, record: change.table === 'notes' ? { ...change.record, kind: 'migrated' } : change.record }),
});
`;
}

/** The page of an app that calls once more where a call was lost with its worker. Its address names the tables for the worker. */
export const pageText = `
import { connectSync } from ${BuiltApp.importing('client/index.ts')};
globalThis.insist = async (call) => {
  let isLost = false;
  for (let left = 20; ; left -= 1) {
    try {
      return { value: (await call()) ?? null, code: null, isLost };
    } catch (error) {
      if (error.code !== 'worker-lost' || left === 0) return { value: null, code: error.code ?? String(error), isLost };
      isLost = true;
    }
  }
};
globalThis.holdfast = await connectSync({ worker: '/sw.js' + location.search });
`;
