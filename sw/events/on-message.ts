import type { Link } from '../broadcast/link.ts';

/** Hands pages' messages to the link. */
export function onMessage(target: ServiceWorkerGlobalScope, link: Link): void {
  target.addEventListener('message', (event) => link.onMessage(event));
}
