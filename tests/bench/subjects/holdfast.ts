import { connectSync, type SyncClient } from '../../../client/index.ts';
import { newItem } from '../page/items.ts';
import { getText, postEach, postMany } from '../page/requests.ts';
import { expose, settings } from '../page/subject.ts';
import { check, time, timeEach } from '../page/time.ts';

const root = settings.get('backend') === 'rest' ? '/rest' : '/api';

let connecting: Promise<SyncClient> | undefined;
let signedIn: Promise<SyncClient> | undefined;

function connect(): Promise<SyncClient> {
  return (connecting ??= connectSync({ worker: `/holdfast-worker.js?${settings}` }));
}

async function signIn(): Promise<SyncClient> {
  const sync = await connect();
  await sync.signIn({ user: 'bench' });
  return sync;
}

function client(): Promise<SyncClient> {
  return (signedIn ??= signIn());
}

async function idle(): Promise<SyncClient> {
  const sync = await client();
  while (await sync.isSyncing()) await new Promise((resolve) => setTimeout(resolve, 20));
  return sync;
}

interface UnsentFile {
  readonly changes: readonly object[];
}

function isUnsentFile(value: unknown): value is UnsentFile {
  return typeof value === 'object' && value !== null && 'changes' in value && Array.isArray(value.changes);
}

async function count(path: string): Promise<number> {
  const answer = await fetch(path);
  await answer.text();
  return Number(answer.headers.get('X-Total-Count'));
}

function keyOf(index: number): string {
  return `k${String(index).padStart(9, '0')}`;
}

expose({
  /** From the sign-in on, which may begin a run by itself: there is one download. */
  download: async (expected: number) => {
    await connect();
    const seconds = await time(async () => (await client()).synchronize({ mode: 'all', onBusy: 'join' }));
    check(
      (await count(`${root}/${settings.get('table') ?? 'items'}?limit=1`)) === expected,
      'not all records are there',
    );
    return seconds;
  },
  downloadAgain: async () => {
    const sync = await client();
    return time(() => sync.synchronize({ mode: 'all', onBusy: 'queue', full: true }));
  },
  connect: () => time(connect),
  /** Until the first answer of the database, with a worker that has to start. */
  firstAnswer: (index: number) => time(() => getText(`${root}/items/${keyOf(index)}`)),
  untilSyncing: async () => {
    const sync = await client();
    while (!(await sync.isSyncing())) await new Promise((resolve) => setTimeout(resolve, 10));
    return 0;
  },
  /** How many records have come, once it is half of them: what the server has sent may still be on its way. */
  half: async (total: number) => {
    const sync = await connect();
    return new Promise<number>((resolve) => {
      sync.addEventListener('progress', ({ detail: { phase, done } }) => {
        if (phase === 'download' && done >= total / 2) resolve(done);
      });
    });
  },
  /** Until a download that was broken off is complete. */
  resume: async () => {
    const sync = await client();
    return time(async () => {
      await sync.ready;
    });
  },
  upload: async () => {
    const sync = await client();
    return time(() => sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue', onPartial: 'return' }));
  },
  /** It finds out that the server takes nothing, and then waits for better times. */
  loseServer: async () => {
    const sync = await client();
    await sync.synchronize({ mode: 'all', onBusy: 'queue' }).catch(() => undefined);
    return 0;
  },
  /** As often as it takes, since a fault of the network ends a run. */
  uploadAll: async (most: number) => {
    const sync = await client();
    return time(async () => {
      for (let attempt = 0; attempt < most && (await sync.state()).pending > 0; attempt += 1) {
        await sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue', onPartial: 'return' }).catch(() => undefined);
      }
    });
  },
  delta: async () => {
    const sync = await client();
    return time(() => sync.synchronize({ mode: 'all', onBusy: 'queue' }));
  },
  settled: async () => {
    const sync = await idle();
    const { pending, failures } = await sync.state();
    return [pending, failures];
  },
  write: async (writes: number, start = 0) => {
    await client();
    return postEach(`${root}/items`, writes, start);
  },
  prepare: async (writes: number) => {
    await client();
    return postMany(`${root}/items`, writes);
  },
  /** As many changes as that, by way of a file: writing each of them takes minutes. */
  import: async (total: number) => {
    const sync = await client();
    await postMany(`${root}/items`, 1);
    const unsent: unknown = JSON.parse(await (await sync.exportUnsent()).text());
    if (!isUnsentFile(unsent)) throw new Error('Nothing was exported.');
    const [change] = unsent.changes;
    for (let start = 1; start < total; start += 10_000) {
      const changes = Array.from({ length: Math.min(10_000, total - start) }, (_value, index) => {
        const record = newItem(start + index);
        const mutationId = crypto.randomUUID();
        return { ...change, key: record.id, seq: start + index + 1, mutationId, text: JSON.stringify(record) };
      });
      const file = { ...unsent, exportedAt: 1, changes, commands: [], drafts: [], failures: [], held: {} };
      const imported = await sync.importUnsent(new Blob([JSON.stringify(file)]));
      check(imported.changes === changes.length, 'not all changes were imported');
    }
    return total;
  },
  /** The same few records, again and again. */
  edit: async (edits: number, records: number) => {
    await client();
    return timeEach(edits, async (index) => {
      const body = JSON.stringify({ stock: index });
      const headers = { 'Content-Type': 'application/merge-patch+json' };
      const answer = await fetch(`${root}/items/${keyOf(index % records)}`, { method: 'PATCH', body, headers });
      check(answer.status === 200, `an edit was answered ${answer.status}`);
      await answer.text();
    });
  },
  readOne: (reads: number, total: number) =>
    timeEach(reads, (index) => getText(`${root}/items/${keyOf((index * 7919) % total)}`)),
  list: async (reads: number, query: string, expected: number) => {
    let text = '';
    const seconds = await timeEach(reads, async () => {
      text = await getText(`${root}/items?${query}`);
    });
    const items: unknown = JSON.parse(text);
    check(Array.isArray(items) && items.length === expected, `${query} gave another number of records`);
    return seconds;
  },
  count: async (reads: number, query: string, expected: number) => {
    let found = 0;
    const seconds = await timeEach(reads, async () => {
      found = await count(`${root}/items?${query}&limit=0`);
    });
    check(found === expected, `${query} counted ${found}`);
    return seconds;
  },
  pending: async (times: number) => {
    const sync = await client();
    return timeEach(times, () => sync.pending());
  },
  statusOf: async (times: number) => {
    const sync = await client();
    return timeEach(times, (index) => sync.statusOf('items', newItem(index).id));
  },
  statusQuery: (times: number) => timeEach(times, () => getText(`${root}/items?status=not-synchronized&limit=10`)),
  /** How long it took, and the longest that a read of one record took meanwhile. */
  setStatus: async (status: 'synchronized' | 'not-synchronized', expected: number) => {
    const sync = await client();
    const setting = new AbortController();
    const seconds: number[] = [];
    const reading = (async () => {
      for (let index = 0; !setting.signal.aborted; index += 1) {
        const key = keyOf((index * 7919) % expected);
        seconds.push(await time(() => getText(`${root}/items/${key}`)));
      }
    })();
    let changed = 0;
    const took = await time(async () => {
      changed = await sync.setStatus('items', status, 'stock >= 0');
    });
    setting.abort();
    await reading;
    check(changed === expected, `${changed} records got the status`);
    return [took, Math.max(...seconds), seconds.length];
  },
  asset: (times: number) => timeEach(times, () => getText('/asset')),
});
