// The least that a worker which keeps writes can do: one strict put for each request.
declare const self: ServiceWorkerGlobalScope;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('bare', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('writes', { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The database did not open.'));
  });
}

const opening = open();

async function keep(request: Request): Promise<Response> {
  const record: unknown = await request.json();
  const database = await opening;
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction('writes', 'readwrite', { durability: 'strict' });
    transaction.objectStore('writes').put(record);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
  });
  return Response.json(record, { status: 201 });
}

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (new URL(event.request.url).pathname.startsWith('/api/')) event.respondWith(keep(event.request));
});
