// The least that a worker which keeps writes can do: one strict put for each request, one get for each read.
declare const self: ServiceWorkerGlobalScope;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('bare', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('writes', { autoIncrement: true });
      request.result.createObjectStore('items');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The database did not open.'));
  });
}

let opening: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  return (opening ??= open());
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
  });
}

async function keep(request: Request): Promise<Response> {
  const record: unknown = await request.json();
  const transaction = (await database()).transaction('writes', 'readwrite', { durability: 'strict' });
  transaction.objectStore('writes').put(record);
  await completed(transaction);
  return Response.json(record, { status: 201 });
}

/** The server's records, one row each, kept as their text. */
async function fill(): Promise<Response> {
  const lines = (await (await fetch('/rows')).text()).trimEnd().split('\n');
  for (let start = 0; start < lines.length; start += 5000) {
    const transaction = (await database()).transaction('items', 'readwrite', { durability: 'relaxed' });
    for (const line of lines.slice(start, start + 5000)) {
      transaction.objectStore('items').put(line, line.slice(7, 17));
    }
    await completed(transaction);
  }
  return new Response('{}', { status: 201 });
}

async function read(key: string): Promise<Response> {
  const store = (await database()).transaction('items').objectStore('items');
  const text = await new Promise<unknown>((resolve, reject) => {
    const request = store.get(key);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The record was not read.'));
  });
  if (typeof text !== 'string') return new Response(null, { status: 404 });
  return new Response(text, { headers: { 'Content-Type': 'application/json' } });
}

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname.startsWith('/proxied/')) event.respondWith(fetch(event.request));
  if (!pathname.startsWith('/api/')) return;
  if (pathname === '/api/fill') event.respondWith(fill());
  else if (event.request.method === 'POST') event.respondWith(keep(event.request));
  else event.respondWith(read(pathname.slice('/api/items/'.length)));
});
