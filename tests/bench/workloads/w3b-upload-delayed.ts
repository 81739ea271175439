import { upload } from '../harness/upload.ts';
import type { Workload } from '../harness/workload.ts';

const rest = 'holdfast?backend=rest';

const workload: Workload = {
  name: 'W3b',
  title: 'upload of 200 changes to a server that answers after 20 ms',
  delayMs: 20,
  metrics: { seconds: { says: 'until the server has all and nothing is pending', unit: 's' } },
  cases: [{ n: 200, subjects: ['holdfast', rest, 'rxdb', 'tanstack', 'workbox'] }],
  limits: { workbox: 3, tanstack: 3 },
  measure: async (subject, n) => ({ seconds: await upload(subject, n) }),
  targets: [
    {
      says: 'RxDB in times of the batch backend, at least 1',
      value: ({ ratio }) => ratio('seconds', 200, 'rxdb'),
      atLeast: 1,
    },
    { says: 'seconds with plain REST, at most 1.3', value: ({ median }) => median('seconds', 200, rest), atMost: 1.3 },
  ],
};

export default workload;
