import { upload } from '../harness/upload.ts';
import type { Workload } from '../harness/workload.ts';

const durable = ['rxdb', 'pouchdb', 'tanstack', 'workbox'];

const workload: Workload = {
  name: 'W3',
  title: 'upload of changes made offline, no delay',
  metrics: { seconds: { says: 'until the server has all and nothing is pending', unit: 's' } },
  cases: [
    { n: 1_000, subjects: ['holdfast', 'limit', ...durable, 'synceddb'] },
    { n: 10_000, subjects: ['holdfast', 'limit', 'rxdb', 'pouchdb'], rounds: 2 },
  ],
  limits: { synceddb: 1, workbox: 2, tanstack: 2 },
  measure: async (subject, n) => ({ seconds: await upload(subject, n) }),
  limit: { subject: 'limit', says: 'rows read, sent by 1,000, the answers parsed, the rows deleted' },
  targets: [
    {
      says: 'times faster than the best durable peer at 1,000, at least 5',
      value: ({ ratio }) => Math.min(...durable.map((peer) => ratio('seconds', 1000, peer))),
      atLeast: 5,
    },
    {
      says: '10,000 against 1,000, at most 12 times',
      value: ({ median }) => median('seconds', 10_000) / median('seconds', 1000),
      atMost: 12,
    },
  ],
};

export default workload;
