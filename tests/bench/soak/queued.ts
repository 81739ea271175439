import { heapDuring } from '../harness/heap.ts';
import { quantile } from '../harness/statistics.ts';
import { callSubject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const queued = 100_000;
const records = 1000;

const workload: Workload = {
  name: 'queued',
  title: '100,000 writes queued offline, the browser killed and started again, then the upload',
  metrics: {
    firstRead: { says: 'from the start of the page to its first answer', unit: 's' },
    upload: { says: 'until the server has all', unit: 's' },
    heap: { says: 'most that the heap of the worker held meanwhile', unit: 'MB' },
    read: { says: 'one record by key meanwhile, p95', unit: 's' },
    lost: { says: 'lost', unit: '' },
    twice: { says: 'applied twice', unit: '' },
  },
  cases: [{ n: queued, subjects: ['holdfast'] }],
  limits: { holdfast: 1 },
  measure: async (subject, n) => {
    const { state } = subject.server;
    state.loadItems(records);
    await subject.call('download', records);
    state.isHeld = true;
    await subject.call('loseServer');
    await subject.call('prepare', n);
    await subject.kill();
    const begun = performance.now();
    const page = await subject.open();
    await callSubject(page, 'firstAnswer', 7);
    const firstRead = (performance.now() - begun) / 1000;
    const tab = await subject.open();
    await callSubject(tab, 'connect');
    state.isHeld = false;
    const reads: number[] = [];
    const ended = new AbortController();
    const reading = (async () => {
      while (!ended.signal.aborted) reads.push(...(await callSubject(tab, 'readOne', 20, records)));
    })();
    let upload = Number.NaN;
    const heap = await heapDuring(subject, async () => {
      [upload = Number.NaN] = await callSubject(page, 'uploadAll', 20);
    });
    ended.abort();
    await reading;
    const arrived = [...state.effects.values()];
    const twice = arrived.filter((times) => times > 1).length;
    return { firstRead, upload, heap, read: quantile(reads, 0.95), lost: n - arrived.length, twice };
  },
  targets: [
    { says: 'seconds to the first read, at most 2', value: ({ median }) => median('firstRead', queued), atMost: 2 },
    { says: 'MB of heap, at most 300', value: ({ median }) => median('heap', queued), atMost: 300 },
    { says: 'reads p95 in ms, at most 50', value: ({ median }) => median('read', queued) * 1000, atMost: 50 },
    { says: 'lost or twice, 0', value: ({ median }) => median('lost', queued) + median('twice', queued), atMost: 0 },
  ],
};

export default workload;
