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
  if (event.request.method === 'POST') event.respondWith(enqueue(event.request.clone()));
});

async function replay(): Promise<string> {
  try {
    await queue.replayRequests();
    return 'done';
  } catch {
    return 'failed';
  }
}

self.addEventListener('message', (event) => {
  const [port] = event.ports;
  if (port === undefined) return;
  const answer = event.data === 'replay' ? replay() : queue.size();
  event.waitUntil(answer.then((value) => port.postMessage(value)));
});
