import { heapDuring } from '../harness/heap.ts';
import { quantile } from '../harness/statistics.ts';
import { callSubject, type Subject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const large = 100_000;
const small = 10_000;
const tabs = 4;
const stock = [7, 8] as const;
const middle = 1.705e12;
const updated = [new Date(middle).toISOString(), new Date(middle + 2e7).toISOString()] as const;
const peers = ['idb', 'dexie', 'rxdb'];

function middleOf(seconds: readonly number[]): number {
  return quantile(seconds, 0.5);
}

async function ours(subject: Subject, n: number): Promise<Record<string, number>> {
  const { state } = subject.server;
  await subject.call('download', n);
  if (n === small) return { whole: middleOf(await subject.call('list', 5, '', n)) };
  const declared = `filter=${encodeURIComponent(`stock BETWEEN ${stock[0]} AND ${stock[1]}`)}`;
  const other = `filter=${encodeURIComponent(`updated BETWEEN "${updated[0]}" AND "${updated[1]}"`)}`;
  const byStock = state.countWhere('stock', ...stock);
  const byUpdated = state.countWhere('updated', ...updated);
  const one = await subject.call('readOne', 200, n);
  const filter = await subject.call('list', 10, declared, byStock);
  const count = await subject.call('count', 10, declared, byStock);
  const filterOther = await subject.call('list', 3, other, byUpdated);
  const sorted = await subject.call('list', 10, 'orderBy=price&limit=50', 50);
  const pages = [await subject.page()];
  while (pages.length < tabs) pages.push(await subject.open());
  const many = await Promise.all(pages.map((page) => callSubject(page, 'readOne', 200, n)));
  const lists = await Promise.all(pages.map((page) => callSubject(page, 'list', 10, declared, byStock)));
  const heap = await heapDuring(subject, async () => {
    await subject.call('list', 2, '', n);
  });
  return {
    ...(Number.isNaN(heap) ? {} : { heap }),
    one: middleOf(one),
    filter: middleOf(filter),
    count: middleOf(count),
    filterOther: middleOf(filterOther),
    sorted: middleOf(sorted),
    one4: middleOf(many.flat()),
    filter4: middleOf(lists.flat()),
  };
}

async function theirs(subject: Subject, n: number): Promise<Record<string, number>> {
  if (subject.name === 'bare-worker') {
    await subject.call('fill');
    const one = middleOf(await subject.call('readOne', 200, n));
    const pages = [await subject.page()];
    while (pages.length < tabs) pages.push(await subject.open());
    const many = await Promise.all(pages.map((page) => callSubject(page, 'readOne', 200, n)));
    return { one, one4: middleOf(many.flat()) };
  }
  await subject.call('download', n);
  if (n === small) return { whole: middleOf(await subject.call('whole', 5)) };
  if (subject.name === 'limit') return { filter: middleOf(await subject.call('filter', 10, ...stock)) };
  return {
    one: middleOf(await subject.call('readOne', 200, n)),
    filter: middleOf(await subject.call('filter', 3, ...stock)),
    count: middleOf(await subject.call('count', 3, ...stock)),
    filterOther: middleOf(await subject.call('filterUpdated', 3, ...updated)),
    sorted: middleOf(await subject.call('sorted', 3)),
  };
}

const best = (ratio: (metric: string, n: number, peer: string) => number, metric: string): number =>
  Math.min(...peers.map((peer) => ratio(metric, large, peer)));

const workload: Workload = {
  name: 'W6',
  title: 'offline reads; peers read in the page, without a worker between',
  metrics: {
    one: { says: 'one record by key, p50', unit: 's' },
    filter: { says: 'about 200 scattered hits by a declared column', unit: 's' },
    count: { says: 'their count', unit: 's' },
    filterOther: { says: 'about 200 hits by a column that is not declared', unit: 's' },
    sorted: { says: 'the first 50 sorted by another column', unit: 's' },
    whole: { says: 'the whole list', unit: 's' },
    heap: { says: 'most that the heap of the worker held over the whole list', unit: 'MB' },
    one4: { says: 'one record by key, from 4 tabs at once, p50', unit: 's' },
    filter4: { says: 'the declared column, from 4 tabs at once', unit: 's' },
  },
  cases: [
    { n: large, subjects: ['holdfast', 'bare-worker', 'limit', ...peers] },
    { n: small, subjects: ['holdfast', 'limit', 'idb', 'dexie'] },
  ],
  limits: { rxdb: 1 },
  elsewhere: { sizes: [large, small], subjects: ['idb', 'bare-worker'] },
  measure: (subject, n) => {
    subject.server.state.loadItems(n);
    return subject.name === 'holdfast' ? ours(subject, n) : theirs(subject, n);
  },
  limit: {
    subject: 'limit',
    says: 'the column read, then the leaves of the hits; for one record a worker that gets it',
  },
  targets: [
    {
      says: 'one record in bare workers, at most 1.3',
      value: ({ ratio }) => 1 / ratio('one', large, 'bare-worker'),
      atMost: 1.3,
    },
    {
      says: 'declared column: times faster than the best peer, at least 8',
      value: ({ ratio }) => best(ratio, 'filter'),
      atLeast: 8,
    },
    {
      says: 'count: times faster than the best peer, at least 25',
      value: ({ ratio }) => best(ratio, 'count'),
      atLeast: 25,
    },
    {
      says: 'other column: times faster than the best peer, at least 4',
      value: ({ ratio }) => best(ratio, 'filterOther'),
      atLeast: 4,
    },
    { says: 'seconds for 50 sorted, at most 0.1', value: ({ median }) => median('sorted', large), atMost: 0.1 },
    { says: 'MB of heap over the whole list, at most 300', value: ({ median }) => median('heap', large), atMost: 300 },
  ],
};

export default workload;
