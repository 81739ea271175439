import { growthMetrics, measureWaits } from '../harness/growth.ts';
import type { Workload } from '../harness/workload.ts';

const records = 10_000;

const workload: Workload = {
  name: 'growth-pending',
  title: 'what a user waits for, with n changes pending in a table of 10,000 records',
  metrics: growthMetrics,
  cases: [
    ...[10, 100, 1000, 10_000].map((n) => ({ n, subjects: ['holdfast'] })),
    // Making so many takes two minutes.
    { n: 100_000, subjects: ['holdfast'], rounds: 2 },
  ],
  measure: async (subject, n) => {
    const { state } = subject.server;
    state.loadItems(records);
    await subject.call('download', records);
    state.isHeld = true;
    await subject.call('loseServer');
    await subject.call('import', n);
    return measureWaits(subject, records);
  },
};

export default workload;
