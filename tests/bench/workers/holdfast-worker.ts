import { batchBackend, startSync } from '../../../sw/index.ts';

declare const self: ServiceWorkerGlobalScope;

startSync({
  name: 'bench',
  version: 1,
  tables: {
    items: {
      path: '/api/items',
      key: 'id',
      columns: {
        name: 'string',
        stock: 'number',
        price: 'number',
        category: { type: 'string', index: true },
        updated: 'date',
      },
    },
  },
  backend: batchBackend({ url: '/sync', live: false }),
});

self.addEventListener('install', () => void self.skipWaiting());
