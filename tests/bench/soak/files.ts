import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { integerOf } from '../../../demo/server/database/database.ts';
import { type RunningServer, startServer } from '../../../demo/server/server.ts';
import { heapDuring } from '../harness/heap.ts';
import type { Subject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const files = 50;
const megabytes = 20;
const stops = 5;
const subject = 'holdfast-files';

const received = `select coalesce(sum(received / 1e6), 0)::int as count from sync_files`;
const equal =
  `select count(*)::int as count from photos join sync_files on hash = content::json ->> 'hash' ` +
  `where size = received and hash = caption`;

async function count(demo: RunningServer, sql: string): Promise<number> {
  const [row] = await demo.database.query(sql);
  return integerOf(row, 'count');
}

/** Stops the worker each time that a further sixth is at the server. */
async function stopOften(page: Subject, demo: RunningServer, ended: AbortSignal): Promise<void> {
  const { tools } = await page.browser();
  for (let stop = 1; stop <= stops; stop += 1) {
    const share = (files * megabytes * stop) / (stops + 1);
    while (!ended.aborted && (await count(demo, received)) < share) await sleep(200);
    if (!ended.aborted) await tools?.stopWorkers();
  }
}

async function run(page: Subject, demo: RunningServer, isStopped: boolean): Promise<Record<string, number>> {
  const ended = new AbortController();
  const stopping = isStopped ? stopOften(page, demo, ended.signal) : Promise.resolve();
  let seconds = Number.NaN;
  const work = async (): Promise<void> => {
    [seconds = Number.NaN] = await page.call('uploadAll', 50);
  };
  // The heap is watched in a worker that lives.
  const heap = isStopped ? Number.NaN : await heapDuring(page, work);
  if (isStopped) await work();
  ended.abort();
  await stopping;
  return { seconds, equal: await count(demo, equal), ...(isStopped ? {} : { heap }) };
}

const workload: Workload = {
  name: 'files',
  title: `${files} files of ${megabytes} MB uploaded (n = 1), and with the worker stopped ${stops} times (n = 2)`,
  metrics: {
    seconds: { says: 'until the server has all', unit: 's' },
    equal: { says: 'whose hash at the server is that of the original', unit: '' },
    heap: { says: 'most that the heap of the worker held, buffers included', unit: 'MB' },
  },
  cases: [
    { n: 1, subjects: [subject] },
    { n: 2, subjects: [subject] },
  ],
  limits: { [subject]: 1 },
  measure: async (page, n) => {
    const { state } = page.server;
    const folder = mkdtempSync(path.join(tmpdir(), 'bench-files-'));
    const demo = await startServer({ places: 'none', dataDir: path.join(folder, 'data') });
    try {
      state.loadItems(0);
      state.demoUrl = demo.url;
      state.isHeld = true;
      await page.open();
      await page.call('loseServer');
      await page.call('prepare', files, megabytes * 1_000_000);
      state.isHeld = false;
      return await run(page, demo, n === 2);
    } finally {
      state.demoUrl = null;
      await demo.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  targets: [
    {
      says: 'hashes equal, all',
      value: ({ median }) => Math.min(median('equal', 1, subject), median('equal', 2, subject)),
      atLeast: files,
    },
    {
      says: 'MB of heap, less than two files',
      value: ({ median }) => median('heap', 1, subject),
      atMost: 2 * megabytes,
    },
  ],
};

export default workload;
