import { median as middleOf } from '../harness/statistics.ts';
import type { Workload } from '../harness/workload.ts';

const n = 500;

const workload: Workload = {
  name: 'W11',
  title: 'requests that are not ours, one after the other',
  metrics: { seconds: { says: 'one request, p50', unit: 's' } },
  cases: [{ n, subjects: ['holdfast', 'silent-worker', 'no-worker', 'bare-worker'] }],
  measure: async (subject) => {
    if (subject.name === 'holdfast') await subject.call('connect');
    return { seconds: middleOf(await subject.call('asset', n)) };
  },
  limit: { subject: 'silent-worker', says: 'a worker that looks at the address and leaves the request to the browser' },
  targets: [
    {
      says: 'falls through only: in times of a worker that does no more, at most 1.1',
      value: ({ ratio }) => 1 / ratio('seconds', n, 'silent-worker'),
      atMost: 1.1,
    },
  ],
  remarks: ['The bare worker hands the request on by fetch; ours leaves it to the browser.'],
};

export default workload;
