import { batchBackend, startSync } from '../../../sw/index.ts';

declare const self: ServiceWorkerGlobalScope;

/** The demo's photos, and the visits that they belong to. */
startSync({
  name: 'files',
  version: 1,
  tables: {
    visits: { path: '/api/visits', key: 'id' },
    photos: {
      path: '/api/photos',
      key: 'id',
      columns: { caption: 'string' },
      references: { visitId: 'visits' },
      file: 'content',
    },
  },
  backend: batchBackend({ url: '/sync', live: false }),
});

self.addEventListener('install', () => void self.skipWaiting());
