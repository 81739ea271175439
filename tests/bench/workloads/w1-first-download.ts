import type { Workload } from '../harness/workload.ts';

const rows = ['holdfast', 'idb', 'dexie'];

export default {
  name: 'W1',
  title: 'first download into the local store',
  metrics: { seconds: { says: 'until all records are stored', unit: 's' } },
  cases: [
    { n: 10_000, subjects: [...rows, 'rxdb', 'pouchdb', 'synceddb'] },
    { n: 100_000, subjects: [...rows, 'rxdb', 'pouchdb'] },
    { n: 1_000_000, subjects: ['holdfast'] },
  ],
  measure: async (subject, n) => {
    subject.server.state.loadItems(n);
    const [seconds = Number.NaN] = await subject.call('download', n);
    return { seconds };
  },
  limits: { rxdb: 2, pouchdb: 2, synceddb: 2 },
  targets: [
    {
      says: 'times faster than idb at 100k, at least 8',
      value: ({ ratio }) => ratio('seconds', 100_000, 'idb'),
      atLeast: 8,
    },
  ],
} satisfies Workload as Workload;
