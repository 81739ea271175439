import path from 'node:path';
import { entrySize, folderSize } from '../harness/entry-size.ts';
import type { Workload } from '../harness/workload.ts';

const n = 100_000;

/** What an app imports for the same purpose. */
const entries: Readonly<Record<string, readonly { readonly metric: string; readonly source: string }[]>> = {
  holdfast: [
    { metric: 'worker', source: "export { startSync, batchBackend } from '../../../sw/index.ts';" },
    { metric: 'rest', source: "export { startSync, restBackend } from '../../../sw/index.ts';" },
    { metric: 'page', source: "export { connectSync } from '../../../client/index.ts';" },
    { metric: 'ofIdb', source: "export { openDB } from 'idb';" },
    { metric: 'ofComlink', source: "export { expose } from 'comlink';" },
    { metric: 'ofUuid', source: "export { uuidv7 } from 'uuidv7';" },
    { metric: 'ofRouting', source: "export { registerRoute } from 'workbox-routing/registerRoute.js';" },
    { metric: 'ofWindow', source: "export { Workbox } from 'workbox-window';" },
  ],
  idb: [{ metric: 'page', source: "export { openDB } from 'idb';" }],
  dexie: [{ metric: 'page', source: "export { default } from 'dexie';" }],
  rxdb: [
    {
      metric: 'page',
      source:
        "export { createRxDatabase } from 'rxdb/plugins/core'; export { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'; export { replicateRxCollection } from 'rxdb/plugins/replication';",
    },
  ],
  pouchdb: [{ metric: 'page', source: "export { default } from 'pouchdb-browser';" }],
  synceddb: [{ metric: 'page', source: "export { openDB, SyncManager } from 'synceddb';" }],
  tanstack: [
    {
      metric: 'page',
      source:
        "export { createCollection, localOnlyCollectionOptions } from '@tanstack/db'; export { startOfflineExecutor } from '@tanstack/offline-transactions';",
    },
  ],
  workbox: [
    {
      metric: 'worker',
      source:
        "export { Queue } from 'workbox-background-sync/Queue.js'; export { registerRoute } from 'workbox-routing/registerRoute.js';",
    },
  ],
};

/** What our worker is made of. */
const folders = ['store', 'sync', 'router', 'backend', 'filter', 'protocol', 'broadcast'];

const stores = ['holdfast', 'idb', 'dexie', 'pouchdb', 'rxdb'];

const workload: Workload = {
  name: 'W9',
  title: 'size of what an app loads, and of what 100,000 records take on disk (23.7 MB of JSON)',
  metrics: {
    worker: { says: 'worker with batchBackend, minified and gzipped, with dependencies', unit: 'kB' },
    rest: { says: 'worker with restBackend, the same', unit: 'kB' },
    page: { says: 'page, minified and gzipped, with dependencies', unit: 'kB' },
    ofIdb: { says: 'of the worker: idb', unit: 'kB' },
    ofComlink: { says: 'of the worker and of the page: comlink', unit: 'kB' },
    ofUuid: { says: 'of the worker: uuidv7', unit: 'kB' },
    ofRouting: { says: 'of the worker: workbox-routing', unit: 'kB' },
    ofWindow: { says: 'of the page: workbox-window', unit: 'kB' },
    ...Object.fromEntries(
      folders.map((name) => [
        `in-${name}`,
        { says: `of the worker: sw/${name}, by its share of the code`, unit: 'kB' },
      ]),
    ),
    disk: { says: 'on disk after the first download', unit: 'MB' },
  },
  cases: [{ n, subjects: Object.keys(entries) }],
  limits: Object.fromEntries(Object.keys(entries).map((name) => [name, 1])),
  measure: async (subject) => {
    const sizes: Record<string, number> = {};
    for (const { metric, source } of entries[subject.name] ?? []) {
      const size = await entrySize(source);
      sizes[metric] = size.total;
      if (subject.name !== 'holdfast' || metric !== 'worker') continue;
      for (const name of folders) sizes[`in-${name}`] = size.of(`sw/${name}`);
    }
    if (!stores.includes(subject.name)) return sizes;
    subject.server.state.loadItems(n);
    await subject.call('download', n);
    await subject.close();
    return { ...sizes, disk: folderSize(path.join(subject.profile, 'Default/IndexedDB')) };
  },
  targets: [
    { says: 'kB of the worker, at most 24', value: ({ median }) => median('worker', n), atMost: 24 },
    { says: 'kB of the page, at most 8', value: ({ median }) => median('page', n), atMost: 8 },
  ],
};

export default workload;
