import type { Workload } from '../harness/workload.ts';

const workload: Workload = {
  name: 'W2',
  title: 'a delta of 100 changed and 20 deleted records, in a table of n',
  metrics: { seconds: { says: 'until the delta is stored', unit: 's' } },
  cases: [
    { n: 10_000, subjects: ['holdfast', 'limit', 'rxdb', 'pouchdb', 'synceddb'] },
    { n: 100_000, subjects: ['holdfast'] },
    { n: 1_000_000, subjects: ['holdfast'] },
  ],
  limits: { rxdb: 3, pouchdb: 3, synceddb: 3 },
  measure: async (subject, n) => {
    const { state } = subject.server;
    state.loadItems(n);
    if (subject.name !== 'limit') await subject.call(subject.name === 'pouchdb' ? 'replicate' : 'download', n);
    state.advance(100, 20);
    const [seconds = Number.NaN] = await subject.call('delta', n);
    return { seconds };
  },
  limit: { subject: 'limit', says: 'one round trip and one write of the answer' },
  targets: [
    {
      says: '1M against 10k, at most 2 times',
      value: ({ median }) => median('seconds', 1_000_000) / median('seconds', 10_000),
      atMost: 2,
    },
    { says: 'seconds at 1M, at most 0.1', value: ({ median }) => median('seconds', 1_000_000), atMost: 0.1 },
  ],
};

export default workload;
