import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../harness/statistics.ts';
import { callSubject, type Subject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const million = 1_000_000;
const kills = 5;
/** 100 Mbit/s. Over loopback the kernel takes 30 MB before the worker has read them: 12 % of all records, at each stop. */
const mobileBytesPerSecond = 12_500_000;

/** Stops the worker each time that a further sixth of the records was sent. */
async function stopOften(subject: Subject, ended: AbortSignal): Promise<void> {
  const { state } = subject.server;
  const { tools } = await subject.browser();
  for (let stop = 1; stop <= kills; stop += 1) {
    while (!ended.aborted && state.sent < (million * stop) / (kills + 1)) await sleep(5);
    if (!ended.aborted) await tools?.stopWorkers();
  }
}

async function downloadMillion(subject: Subject): Promise<void> {
  // The call ends with the worker that it was made to; what it began goes on by itself.
  await subject.call('download', million).catch(() => undefined);
  await subject.call('resume');
}

const workload: Workload = {
  name: 'download',
  title:
    'a download of a million records: undisturbed (n = 1), the worker stopped 5 times (n = 2), the same over 100 Mbit/s (n = 3), beside writes (n = 4)',
  metrics: {
    seconds: { says: 'until all records are stored', unit: 's' },
    again: { says: 'share of the records that were fetched twice', unit: '' },
    write: { says: 'one write of another tab meanwhile, p95', unit: 's' },
  },
  cases: [
    { n: 1, subjects: ['holdfast'] },
    { n: 2, subjects: ['holdfast'] },
    { n: 3, subjects: ['holdfast'] },
    { n: 4, subjects: ['holdfast'] },
  ],
  limits: { holdfast: 1 },
  measure: async (subject, n) => {
    const { state } = subject.server;
    state.loadItems(million);
    if (n === 3) state.bytesPerSecond = mobileBytesPerSecond;
    await subject.call('connect');
    const tab = await subject.open();
    const begun = performance.now();
    const ended = new AbortController();
    const downloading = downloadMillion(subject).finally(() => {
      ended.abort();
    });
    const writes: number[] = [];
    if (n === 2 || n === 3) await stopOften(subject, ended.signal);
    while (n === 4 && !ended.signal.aborted) writes.push(...(await callSubject(tab, 'write', 5, writes.length)));
    await downloading;
    const seconds = (performance.now() - begun) / 1000;
    await subject.call('count', 1, '', million + writes.length);
    return {
      seconds,
      ...(n === 4 ? { write: quantile(writes, 0.95) } : {}),
      ...(n === 3 ? { again: state.sent / million - 1 } : {}),
    };
  },
  targets: [
    {
      says: 'with 5 stops against undisturbed, at most 1.6',
      value: ({ median }) => median('seconds', 2) / median('seconds', 1),
      atMost: 1.6,
    },
    { says: 'share fetched twice, at most 0.02', value: ({ median }) => median('again', 3), atMost: 0.02 },
    { says: 'writes p95 in ms, at most 200', value: ({ median }) => median('write', 4) * 1000, atMost: 200 },
  ],
};

export default workload;
