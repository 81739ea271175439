import { quantile } from '../harness/statistics.ts';
import { callSubject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const million = 1_000_000;
const table = 100_000;

const workload: Workload = {
  name: 'growth-busy',
  title: 'reads and writes of a tab while a million records come in, against the same when idle',
  metrics: {
    readIdle: { says: 'one record by key, idle, p95', unit: 's' },
    readBusy: { says: 'one record by key, during the download, p95', unit: 's' },
    writeIdle: { says: 'one write, idle, p95', unit: 's' },
    writeBusy: { says: 'one write, during the download, p95', unit: 's' },
  },
  cases: [{ n: million, subjects: ['holdfast'] }],
  measure: async (subject) => {
    const { state } = subject.server;
    state.loadItems(table);
    await subject.call('download', table);
    const tab = await subject.open();
    const p95 = async (name: string, ...values: readonly number[]): Promise<number> =>
      quantile(await callSubject(tab, name, ...values), 0.95);
    const readIdle = await p95('readOne', 200, table);
    const writeIdle = await p95('write', 100);
    state.loadItems(million);
    const busy = subject.call('downloadAgain');
    await callSubject(tab, 'untilSyncing');
    const readBusy = await p95('readOne', 200, table);
    const writeBusy = await p95('edit', 100, 100);
    await busy;
    return { readIdle, readBusy, writeIdle, writeBusy };
  },
  targets: [
    {
      says: 'reads busy against idle, at most 2',
      value: ({ median }) => median('readBusy', million) / median('readIdle', million),
      atMost: 2,
    },
    {
      says: 'writes busy against idle, at most 2',
      value: ({ median }) => median('writeBusy', million) / median('writeIdle', million),
      atMost: 2,
    },
  ],
};

export default workload;
