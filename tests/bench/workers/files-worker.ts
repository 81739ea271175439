import { batchBackend, startSync } from '../../../sw/index.ts';

declare const self: ServiceWorkerGlobalScope;

/** The demo's photos alone. */
startSync({
  name: 'files',
  version: 1,
  tables: { photos: { path: '/api/photos', key: 'id', columns: { caption: 'string' }, file: 'content' } },
  backend: batchBackend({ url: '/sync', live: false }),
});

self.addEventListener('install', () => void self.skipWaiting());
