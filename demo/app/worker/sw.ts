import { batchBackend, startSync } from 'holdfast/sw';
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching';
import { NavigationRoute, registerRoute } from 'workbox-routing';

declare const self: ServiceWorkerGlobalScope & {
  /** Written by the build: every file of the app's shell. */
  readonly __WB_MANIFEST: (string | { url: string; revision: string | null })[];
};

startSync({
  name: 'rounds',
  version: 1,
  tables: {
    places: {
      path: '/api/places',
      key: 'id',
      scope: 'all',
      columns: {
        id: 'string',
        name: { type: 'string', index: true },
        country: 'string',
        lat: 'number',
        lng: 'number',
      },
    },
    products: {
      path: '/api/products',
      key: 'Code',
      columns: { Code: 'number', Name: 'string', Stock: 'number' },
      // Of two counts of the same shelf, only somebody who was there can say which one holds.
      conflict: 'manual',
    },
    visits: {
      path: '/api/visits',
      key: 'id',
      columns: {
        id: 'string',
        placeId: 'string',
        date: 'date',
        note: 'string',
        rating: 'number',
        reference: 'string',
        status: 'string',
        total: 'number',
      },
      references: { placeId: { table: 'places', onDelete: 'restrict' } },
      conflict: 'merge',
    },
    lines: {
      path: '/api/lines',
      key: 'id',
      columns: { id: 'string', visitId: 'string', productCode: 'number', quantity: 'number', price: 'number' },
      references: { visitId: 'visits', productCode: 'products' },
    },
    photos: {
      path: '/api/photos',
      key: 'id',
      columns: { id: 'string', visitId: 'string', caption: 'string' },
      references: { visitId: 'visits' },
      file: 'content',
    },
    tasks: {
      path: '/api/tasks',
      key: 'id',
      serverKeys: true,
      columns: { id: 'number', visitId: 'string', title: 'string', done: 'boolean', afterId: 'number' },
      references: { visitId: 'visits', afterId: { table: 'tasks', onDelete: 'null' } },
    },
  },
  commands: [
    { method: 'POST', path: '/api/visits/:id/close' },
    { method: 'POST', path: '/api/tasks/:id/complete', references: { id: 'tasks' } },
  ],
  backend: batchBackend({ url: '/sync' }),
});

cleanupOutdatedCaches();
precacheAndRoute(self.__WB_MANIFEST);

// Every page of the app is the same shell. Signing in is the server's alone: no answer about it comes from here.
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('/index.html'), { denylist: [/^\/(?:api|auth|sync)(?:\/|$)/] }),
);
