import { setTimeout as sleep } from 'node:timers/promises';
import type { Subject } from './subject.ts';

const intervalMs = 200;
const bytesInMegabyte = 1e6;

/**
 * The most that the worker's heap held while `work` was done, buffers included, in megabytes; with `collects`, each time that its
 * garbage was collected: a buffer is given back late. Chromium only.
 */
export async function heapDuring(subject: Subject, work: () => Promise<void>, collects = false): Promise<number> {
  const { tools } = await subject.browser();
  if (tools === undefined) {
    await work();
    return Number.NaN;
  }
  let session = await tools.worker();
  let peak = 0;
  let isDone = false;
  const watch = async (): Promise<void> => {
    do {
      try {
        if (collects) await session.send('HeapProfiler.collectGarbage');
        const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
        peak = Math.max(peak, usedSize + backingStorageSize);
      } catch {
        if (isDone) return;
        // The browser has stopped the worker, as it does with work that takes minutes; the next one is watched.
        session = await tools.worker();
      }
      await sleep(intervalMs);
    } while (!isDone);
  };
  const watching = watch();
  try {
    await work();
  } finally {
    isDone = true;
    await watching;
    await session.detach();
  }
  return peak / bytesInMegabyte;
}
