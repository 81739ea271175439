import { connectSync, type SyncClient } from '../../../client/index.ts';
import { expose } from '../page/subject.ts';
import { check, time } from '../page/time.ts';

const bytesAtOnce = 65_536;

let signedIn: Promise<SyncClient> | undefined;

async function signIn(): Promise<SyncClient> {
  const sync = await connectSync({ worker: '/files-worker.js' });
  await sync.signIn({ user: 'ana' });
  return sync;
}

function client(): Promise<SyncClient> {
  return (signedIn ??= signIn());
}

function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += bytesAtOnce) crypto.getRandomValues(bytes.subarray(at, at + bytesAtOnce));
  return bytes;
}

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

let kept: { readonly megabytes: number; readonly blob: Blob } | undefined;

/** The same one for all that is sent: what a page holds of blobs is limited, and given back late. */
function contentOf(megabytes: number): Blob {
  const made =
    kept?.megabytes === megabytes ? kept.blob : new Blob(Array<string>(megabytes).fill('x'.repeat(1_000_000)));
  kept = { megabytes, blob: made };
  return made;
}

expose({
  loseServer: async () => {
    const sync = await client();
    await sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue' }).catch(() => undefined);
    return 0;
  },
  /** Photos of a visit with a content of so many bytes; the caption is its hash, by which the server's copy is compared. */
  prepare: async (count: number, size: number) => {
    await client();
    const visitId = crypto.randomUUID();
    const visit = JSON.stringify({ id: visitId, date: '2026-03-01', note: 'of many photos' });
    check((await fetch('/api/visits', { method: 'POST', body: visit })).status === 201, 'a visit was refused');
    for (let index = 0; index < count; index += 1) {
      const bytes = randomBytes(size);
      const form = new FormData();
      form.set('id', crypto.randomUUID());
      form.set('visitId', visitId);
      form.set('caption', await hashOf(bytes));
      form.set('content', new Blob([bytes], { type: 'application/octet-stream' }));
      const answer = await fetch('/api/photos', { method: 'POST', body: form });
      check(answer.status === 201, `a photo was answered ${answer.status}`);
    }
    return count;
  },
  /** A form with a file (0), a PUT of a file (1) or a record as JSON (2), of so many megabytes: the status, and the seconds until then. */
  send: async (kind: number, megabytes: number) => {
    const id = crypto.randomUUID();
    const type = 'application/json';
    const record = new Blob([JSON.stringify({ id })], { type });
    if (kind === 1) check((await fetch('/api/photos', { method: 'POST', body: record })).ok, 'a photo was refused');
    const content = contentOf(megabytes);
    const form = new FormData();
    form.set('id', id);
    if (kind === 0) form.set('content', content.slice(0, content.size, 'application/octet-stream'));
    const json = new Blob([`{"id":"${id}","caption":"`, content, '"}'], { type });
    const body = kind === 0 ? form : kind === 1 ? content : json;
    const path = kind === 1 ? `/api/photos/${id}/content` : '/api/photos';
    let status = 0;
    const seconds = await time(async () => {
      ({ status } = await fetch(path, { method: kind === 1 ? 'PUT' : 'POST', body }));
    });
    return [status, seconds];
  },
  /** As often as it takes: a call ends with the worker that it was made to. */
  uploadAll: async (most: number) => {
    const sync = await client();
    return time(async () => {
      for (let attempt = 0; attempt < most && (await sync.state()).pending > 0; attempt += 1) {
        await sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue', onPartial: 'return' }).catch(() => undefined);
      }
    });
  },
});
