import { batchBackend, startSync } from '../../../sw/index.ts';

declare const self: ServiceWorkerGlobalScope;

/** Five tables of the demo that refer to each other. */
startSync({
  name: 'references',
  version: 1,
  tables: {
    places: { path: '/api/places', key: 'id', columns: { id: 'string', name: { type: 'string', index: true } } },
    products: { path: '/api/products', key: 'Code', columns: { Code: 'number', Name: 'string', Stock: 'number' } },
    visits: {
      path: '/api/visits',
      key: 'id',
      columns: { id: 'string', placeId: 'string', date: 'date', status: 'string' },
      references: { placeId: { table: 'places', onDelete: 'restrict' } },
      conflict: 'merge',
    },
    lines: {
      path: '/api/lines',
      key: 'id',
      columns: { id: 'string', visitId: 'string', productCode: 'number' },
      references: { visitId: 'visits', productCode: 'products' },
    },
    photos: {
      path: '/api/photos',
      key: 'id',
      columns: { id: 'string', visitId: 'string', caption: 'string' },
      references: { visitId: 'visits' },
    },
  },
  backend: batchBackend({ url: '/sync', live: false }),
});

self.addEventListener('install', () => void self.skipWaiting());
