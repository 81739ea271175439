import { median as middleOf } from './statistics.ts';
import type { Subject } from './subject.ts';
import type { Metric } from './workload.ts';

const times = 30;

/** What a user waits for, and what may not grow with the database. */
export const growthMetrics: Readonly<Record<string, Metric>> = {
  write: { says: 'a write', unit: 's' },
  read: { says: 'a read by key', unit: 's' },
  pending: { says: 'pending()', unit: 's' },
  status: { says: 'statusOf()', unit: 's' },
  statusQuery: { says: 'the first 10 that are not synchronized', unit: 's' },
  start: { says: 'first answer of a stopped worker', unit: 's' },
  delta: { says: 'a delta of 120 records', unit: 's' },
};

export async function measureWaits(subject: Subject, records: number): Promise<Record<string, number>> {
  const read = middleOf(await subject.call('readOne', times, records / 2));
  const write = middleOf(await subject.call('edit', times, times));
  const pending = middleOf(await subject.call('pending', times));
  const status = middleOf(await subject.call('statusOf', times));
  const statusQuery = middleOf(await subject.call('statusQuery', times));
  await (await subject.browser()).tools?.stopWorkers();
  const start = middleOf(await subject.call('firstAnswer', 7));
  return { read, write, pending, status, statusQuery, start };
}

export async function measureGrowth(subject: Subject, records: number): Promise<Record<string, number>> {
  const { state } = subject.server;
  state.advance(100, 20);
  const delta = middleOf(await subject.call('delta'));
  state.isHeld = true;
  await subject.call('loseServer');
  return { delta, ...(await measureWaits(subject, records)) };
}
