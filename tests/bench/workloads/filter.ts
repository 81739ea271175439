import { quantile } from '../harness/statistics.ts';
import type { Workload } from '../harness/workload.ts';

const n = 100_000;
const reads = 9;

function middleOf(seconds: readonly number[]): number {
  return quantile(seconds, 0.5);
}

const workload: Workload = {
  name: 'filter',
  title: 'what the filter language selects in a table of n records, through a page',
  metrics: {
    rate: { says: 'records a second that a comparison of numbers looks at, until the page has the count', unit: '/s' },
    sorted: { says: 'the first 50 sorted by a declared column', unit: 's' },
    sortedFirst: { says: 'the same, right after the worker started', unit: 's' },
    alone: { says: 'the longest of 60 reads of one record, with nothing else going on', unit: 's' },
    set: { says: 'setStatus of all n, filter included', unit: 's' },
    waited: { says: 'the longest that a read of one record took meanwhile', unit: 's' },
    taken: { says: 'setStatus of all n back to synchronized', unit: 's' },
    waitedTaken: { says: 'the longest that a read of one record took meanwhile', unit: 's' },
  },
  cases: [{ n, subjects: ['holdfast'] }],
  measure: async (subject) => {
    const { state } = subject.server;
    state.loadItems(n);
    await subject.call('download', n);
    await subject.call('readOne', 200, n);
    await (await subject.browser()).tools?.stopWorkers();
    await subject.call('firstAnswer', 1);
    const sorted = await subject.call('list', reads, 'orderBy=price&limit=50', 50);
    const above = state.countWhere('stock', 900, 1000);
    const counted = await subject.call('count', reads, 'filter=stock%3E%3D900', above);
    // Nothing is to be sent meanwhile.
    state.isHeld = true;
    await subject.call('loseServer');
    const alone = await subject.call('readOne', 60, n);
    const [set = Number.NaN, waited = Number.NaN] = await subject.call('setStatus', 'not-synchronized', n);
    const [taken = Number.NaN, waitedTaken = Number.NaN] = await subject.call('setStatus', 'synchronized', n);
    return {
      rate: n / middleOf(counted),
      sorted: middleOf(sorted),
      sortedFirst: sorted[0] ?? Number.NaN,
      ...{ alone: Math.max(...alone), set, waited, taken, waitedTaken },
    };
  },
  targets: [
    {
      says: 'records a second, a comparison of numbers, at least 1,000,000',
      value: ({ median }) => median('rate', n),
      atLeast: 1_000_000,
    },
    { says: 'seconds for the first 50 sorted, at most 0.1', value: ({ median }) => median('sorted', n), atMost: 0.1 },
    { says: 'seconds for setStatus of 100,000, at most 1', value: ({ median }) => median('set', n), atMost: 1 },
    {
      says: 'seconds that a read waits meanwhile, at most 0.05',
      value: ({ median }) => Math.max(median('waited', n), median('waitedTaken', n)),
      atMost: 0.05,
    },
  ],
};

export default workload;
