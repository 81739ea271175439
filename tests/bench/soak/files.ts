import { createHash } from 'node:crypto';
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

/** How many photos have the content at the server that they were made with. */
async function countEqual({ database }: RunningServer): Promise<number> {
  let equal = 0;
  for (const { caption, hash } of await database.query(
    `select caption, content::json ->> 'hash' as hash from photos`,
  )) {
    const digest = createHash('sha256');
    // A part at a time: together they are a gigabyte.
    const parts = await database.query('select position from sync_file_chunks where hash = $1 order by position', [
      hash,
    ]);
    for (const { position } of parts) {
      const [part] = await database.query('select bytes from sync_file_chunks where hash = $1 and position = $2', [
        hash,
        position,
      ]);
      if (part?.['bytes'] instanceof Uint8Array) digest.update(part['bytes']);
    }
    if (digest.digest('hex') === caption) equal += 1;
  }
  return equal;
}

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
  const heap = isStopped ? Number.NaN : await heapDuring(page, work, true);
  if (isStopped) await work();
  ended.abort();
  await stopping;
  return { seconds, equal: await countEqual(demo), ...(isStopped ? {} : { heap }) };
}

const workload: Workload = {
  name: 'files',
  title: `${files} files of ${megabytes} MB uploaded (n = 1), and with the worker stopped ${stops} times (n = 2)`,
  metrics: {
    seconds: { says: 'until the server has all', unit: 's' },
    equal: { says: 'whose hash at the server is that of the original', unit: '' },
    heap: { says: 'most that the heap of the worker held, buffers included, its garbage collected', unit: 'MB' },
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
