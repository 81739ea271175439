import { quantile } from '../harness/statistics.ts';
import type { Workload } from '../harness/workload.ts';

const tableSize = 1_000_000;

export default {
  name: 'W5',
  title: 'a write by fetch from a page, until it is answered; ours in a table of 1,000,000',
  metrics: { p50: { says: 'one write, p50', unit: 's' }, p95: { says: 'one write, p95', unit: 's' } },
  cases: [{ n: 500, subjects: ['holdfast', 'bare-worker', 'workbox'] }],
  measure: async (subject, n) => {
    const { state } = subject.server;
    if (subject.name === 'holdfast') {
      state.loadItems(tableSize);
      await subject.call('download', tableSize);
    }
    state.isHeld = true;
    const seconds = await subject.call('write', n);
    return { p50: quantile(seconds, 0.5), p95: quantile(seconds, 0.95) };
  },
  elsewhere: { sizes: [500], subjects: ['bare-worker'] },
  limit: { subject: 'bare-worker', says: 'a worker that puts the record and answers' },
  targets: [
    {
      says: 'p50 in bare workers, at most 1.3',
      value: ({ ratio }) => 1 / ratio('p50', 500, 'bare-worker'),
      atMost: 1.3,
    },
    {
      says: 'p95 in bare workers, at most 1.5',
      value: ({ ratio }) => 1 / ratio('p95', 500, 'bare-worker'),
      atMost: 1.5,
    },
  ],
} satisfies Workload as Workload;
