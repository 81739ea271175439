import { batchBackend, restBackend, startSync, type TableOptions } from '../../../sw/index.ts';

declare const self: ServiceWorkerGlobalScope;

const settings = new URL(self.location.href).searchParams;
const isRest = settings.get('backend') === 'rest';
const root = isRest ? '/rest' : '/api';

// `updated` and `desc` are not declared: filters on them read the records.
const items: TableOptions = {
  path: `${root}/items`,
  key: 'id',
  columns: { name: 'string', stock: 'number', price: 'number', category: { type: 'string', index: true } },
};

const places: TableOptions = {
  path: `${root}/places`,
  key: 'id',
  columns: { name: { type: 'string', index: true }, lat: 'number', lng: 'number', country: 'string' },
};

const others = Array.from({ length: Number(settings.get('tables') ?? 1) - 1 }, (_, index) => {
  const name = `other${index + 1}`;
  return [name, { ...items, path: `${root}/${name}` }] as const;
});

startSync({
  name: 'bench',
  version: 1,
  tables: settings.get('table') === 'places' ? { places } : { items, ...Object.fromEntries(others) },
  backend: isRest ? restBackend() : batchBackend({ url: '/sync', live: false }),
});

self.addEventListener('install', () => void self.skipWaiting());
