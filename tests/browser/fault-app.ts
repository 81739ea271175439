import { BuiltApp } from './built-app.ts';

/** `startSync`'s name. */
export const appName = 'faults';

/** What the worker's address chooses. */
export interface FaultAppOptions {
  /** One request for each write, so many at a time, in place of batches. */
  readonly rest?: number;
  /** Has the headers of each attempt made of what `/token` answers. */
  readonly token?: true;
  readonly stallMs?: number;
  /** Where the batch protocol is, if not on the page's own origin. */
  readonly sync?: string;
  readonly places?: true;
}

export function addressOf(options: FaultAppOptions): string {
  const chosen = Object.entries(options).map(([name, value]): [string, string] => [name, String(value)]);
  return `/?${new URLSearchParams(chosen).toString()}`;
}

export const workerText = `
import { batchBackend, restBackend, startSync } from ${BuiltApp.importing('sw/index.ts')};
const asked = new URL(self.location.href).searchParams;
const rest = Number(asked.get('rest'));
const headers = async () => {
  const answer = await fetch('/token', { cache: 'no-store' });
  if (!answer.ok) throw new TypeError('The token could not be fetched.');
  return { 'X-CSRF': await answer.text() };
};
startSync({
  name: '${appName}',
  version: 1,
  tables: {
    places: { path: '/api/places', key: 'id', scope: asked.has('places') ? 'all' : 'never' },
    visits: { path: '/api/visits', key: 'id', columns: { note: 'string' } },
    lines: { path: '/api/lines', key: 'id', references: { visitId: 'visits' } },
    preferences: { path: '/api/preferences', key: 'name' },
  },
  backend:
    rest > 0
      ? restBackend({ idempotency: 'key', concurrency: rest })
      : batchBackend({ url: asked.get('sync') ?? '/sync', live: false, stallMs: Number(asked.get('stallMs') ?? 30_000) }),
  ...(asked.has('token') ? { headers } : {}),
});
`;

/** Its channel is the page's own: what it posts there it does not hear itself. */
export const pageText = `
import { connectSync } from ${BuiltApp.importing('client/index.ts')};
globalThis.told = [];
globalThis.channel = new BroadcastChannel('holdfast:${appName}');
channel.onmessage = ({ data }) => told.push(data);
globalThis.unhandled = [];
addEventListener('unhandledrejection', ({ reason }) => unhandled.push(String(reason)));
globalThis.holdfast = await connectSync({ worker: '/sw.js' + location.search });
`;
