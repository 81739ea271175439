import { heapDuring } from '../harness/heap.ts';
import type { Workload } from '../harness/workload.ts';

const places = 171_075;
const million = 1_000_000;
const rows = ['holdfast', 'limit', 'idb', 'dexie'];

const workload: Workload = {
  name: 'W1',
  title: 'first download into the local store; 171,075 are the places of the demo',
  metrics: {
    seconds: { says: 'until all records are stored', unit: 's' },
    heap: { says: 'most that the heap of the worker held', unit: 'MB' },
  },
  cases: [
    { n: 10_000, subjects: [...rows, 'rxdb', 'pouchdb', 'synceddb'] },
    { n: 100_000, subjects: [...rows, 'rxdb', 'pouchdb'] },
    { n: places, subjects: ['holdfast', 'idb'] },
    { n: million, subjects: ['holdfast', 'limit'] },
  ],
  limits: { rxdb: 1, pouchdb: 1, synceddb: 1 },
  elsewhere: { sizes: [10_000, 100_000], subjects: ['idb', 'limit'] },
  measure: async (subject, n) => {
    const { state } = subject.server;
    if (n === places) state.loadPlaces();
    else state.loadItems(n);
    await subject.open(n === places ? 'table=places' : '');
    const seconds: number[] = [];
    const work = async (): Promise<void> => {
      seconds.push(...(await subject.call('download', n)));
    };
    const isWatched = n === million && subject.name === 'holdfast';
    if (isWatched) await subject.call('connect');
    else await work();
    const heap = isWatched ? { heap: await heapDuring(subject, work) } : {};
    if (subject.name === 'holdfast' && state.sent !== n) throw new Error(`The server sent ${state.sent} records.`);
    return { seconds: seconds[0] ?? Number.NaN, ...heap };
  },
  limit: { subject: 'limit', says: 'each line parsed, written by 256 as one value, with one column' },
  targets: [
    {
      says: 'times faster than idb at 100k, at least 8',
      value: ({ ratio }) => ratio('seconds', 100_000, 'idb'),
      atLeast: 8,
    },
    {
      says: 'times faster than RxDB at 100k, at least 25',
      value: ({ ratio }) => ratio('seconds', 100_000, 'rxdb'),
      atLeast: 25,
    },
    { says: 'seconds for 1M, at most 12', value: ({ median }) => median('seconds', million), atMost: 12 },
    { says: 'MB of heap at 1M, at most 300', value: ({ median }) => median('heap', million), atMost: 300 },
    {
      says: 'time a record at 1M against 100k, at most 1.5',
      value: ({ median }) => median('seconds', million) / 10 / median('seconds', 100_000),
      atMost: 1.5,
    },
  ],
  remarks: [
    'PouchDB stores rows in bulk, which is faster than its replication. RxDB and synceddb replicate.',
    'At 1M the heap is watched through the DevTools protocol while the time is taken.',
  ],
};

export default workload;
