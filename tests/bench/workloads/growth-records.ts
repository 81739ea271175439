import { measureGrowth, growthMetrics } from '../harness/growth.ts';
import type { Workload } from '../harness/workload.ts';

const sizes = [10_000, 100_000, 1_000_000];

const workload: Workload = {
  name: 'growth-records',
  title: 'what a user waits for, in a table of n records',
  metrics: growthMetrics,
  cases: sizes.map((n) => ({ n, subjects: ['holdfast'] })),
  measure: async (subject, n) => {
    subject.server.state.loadItems(n);
    await subject.call('download', n);
    return measureGrowth(subject, n);
  },
};

export default workload;
