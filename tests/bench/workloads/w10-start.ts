import { median as middleOf } from '../harness/statistics.ts';
import type { Workload } from '../harness/workload.ts';

const starts = 5;
const million = 1_000_000;

const workload: Workload = {
  name: 'W10',
  title: 'first answer of a worker that was stopped; ours from a table of 1,000,000, the bare worker from 10,000 rows',
  metrics: { seconds: { says: 'worker stopped, then one record by key', unit: 's' } },
  cases: [{ n: million, subjects: ['holdfast', 'bare-worker'] }],
  measure: async (subject) => {
    const { state } = subject.server;
    const isOurs = subject.name === 'holdfast';
    state.loadItems(isOurs ? million : 10_000);
    await subject.call(isOurs ? 'download' : 'fill', state.lines.count);
    const { tools } = await subject.browser();
    const seconds: number[] = [];
    for (let start = 0; start < starts; start += 1) {
      await tools?.stopWorkers();
      seconds.push(...(await subject.call('firstAnswer', start * 97)));
    }
    return { seconds: middleOf(seconds) };
  },
  limit: { subject: 'bare-worker', says: 'a worker that opens its database and gets the record' },
  targets: [
    {
      says: 'in bare workers, at most 1.5',
      value: ({ ratio }) => 1 / ratio('seconds', million, 'bare-worker'),
      atMost: 1.5,
    },
  ],
};

export default workload;
