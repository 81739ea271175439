import type { IDBPTransaction } from 'idb';
import type { Format, StoreName } from './format.ts';

/** What Chromium says when it had to throw a damaged database away; no other browser does. */
export function isMadeAfterLoss(event: Event): boolean {
  return 'dataLoss' in event && event.dataLoss === 'total';
}

/** Gives a database that is being made an identity of its own, and keeps what the browser said of the one before. */
export function beginEpoch(
  tx: IDBPTransaction<Format, StoreName[], 'versionchange'>,
  event: Event,
  epoch: string,
): void {
  const meta = tx.objectStore('meta');
  const puts: Promise<unknown>[] = [meta.put({ name: 'epoch', value: epoch })];
  if (isMadeAfterLoss(event)) puts.push(meta.put({ name: 'dataLoss', value: true }));
  // If they fail, so does the opening, which says why.
  void Promise.allSettled([...puts, tx.done]);
}
