/** Takes over the pages that are open: their requests are answered from here from now on. */
export function onActivate(target: ServiceWorkerGlobalScope): void {
  target.addEventListener('activate', (event) => event.waitUntil(target.clients.claim()));
}
