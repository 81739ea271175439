import { measureGrowth, growthMetrics } from '../harness/growth.ts';
import type { Workload } from '../harness/workload.ts';

const records = 1000;

const workload: Workload = {
  name: 'growth-tables',
  title: 'what a user waits for, with n tables of 1,000 records',
  metrics: growthMetrics,
  cases: [1, 10, 100].map((n) => ({ n, subjects: ['holdfast'] })),
  measure: async (subject, n) => {
    subject.server.state.loadItems(records);
    await subject.open(`tables=${n}`);
    await subject.call('download', records);
    return measureGrowth(subject, records);
  },
};

export default workload;
