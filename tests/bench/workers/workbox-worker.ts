import { Queue } from 'workbox-background-sync/Queue.js';

declare const self: ServiceWorkerGlobalScope;

const queue = new Queue('bench', { onSync: () => Promise.resolve() });

async function enqueue(request: Request): Promise<Response> {
  await queue.pushRequest({ request });
  return new Response('{}', { status: 201 });
}

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (event.request.method === 'POST' && new URL(event.request.url).pathname === '/plain') {
    event.respondWith(enqueue(event.request.clone()));
  }
});
self.addEventListener('message', (event) => {
  const [port] = event.ports;
  if (event.data === 'replay' && port !== undefined) {
    event.waitUntil(queue.replayRequests().then(() => port.postMessage('done')));
  }
});
