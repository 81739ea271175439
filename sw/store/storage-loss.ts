import { StorageError, toPlainError, type PlainError } from '../protocol/errors.ts';
import type { WriteTransaction } from './database.ts';
import type { NotedCounts } from './change-counts.ts';
import type { StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import { deleteMeta, readAllMeta, setMeta } from './meta.ts';
import type { MetaSnapshot } from './meta-values.ts';

/** How far a database had come when it was last noted elsewhere. */
export interface StorageNote {
  readonly epoch: string;
  readonly seq: number;
  /** Changes and commands that were not sent. */
  readonly unsent: number;
  /** What is then not to be counted again by the next worker (`recallCounts`). */
  readonly counts?: NotedCounts;
}

export interface StorageLoss {
  /** A lower bound of the changes that may be gone. */
  readonly atLeast: number;
  readonly at: number;
}

interface StoredFacts {
  readonly epoch: string;
  readonly seq: number;
  /** Epoch of the lost database in the place of which this one was made. */
  readonly replaces: string | null;
  readonly dataLoss: boolean;
}

/** How many changes are known to have been there, of those that may be gone now; null: nothing was lost (SPEC Z-2). Pure. */
export function lostWrites(noted: StorageNote | null, stored: StoredFacts): number | null {
  if (noted !== null && noted.epoch === stored.epoch) return noted.seq > stored.seq ? noted.seq - stored.seq : null;
  if (noted !== null && noted.epoch !== stored.replaces) return noted.unsent;
  return stored.dataLoss ? 0 : null;
}

/** What pages are told. */
export function lossError({ atLeast, at }: StorageLoss): PlainError {
  const what = atLeast === 0 ? 'Changes' : `At least ${atLeast} ${atLeast === 1 ? 'change' : 'changes'}`;
  const message = `The browser has lost local data of this app. ${what} that had not been sent may be gone; all other data is downloaded again.`;
  return toPlainError(new StorageError(message, { details: { atLeast, at } }));
}

export const lossScope: StoreName[] = ['meta', 'heads', 'runs', 'selected'];

interface StorageFacts {
  readonly epoch: string;
  /** Until it is made good by a full download: a worker that found it may have been stopped before it told anybody. */
  readonly loss: StorageLoss | null;
}

/** Every table is downloaded again in full, and an interrupted run with its pieces is forgotten; nothing unsent is touched. */
async function distrustBases(tx: WriteTransaction): Promise<void> {
  const heads = await tx.objectStore('heads').getAll();
  const distrusted = (head: HeadRow): HeadRow => ({
    ...head,
    generation: head.generation + 1,
    cursor: null,
    cursorFor: '',
    downloadedAt: 0,
    expectedCount: null,
  });
  await Promise.all([
    ...heads.map((head) => tx.objectStore('heads').put(distrusted(head))),
    tx.objectStore('runs').clear(),
    tx.objectStore('selected').clear(),
  ]);
}

async function storeLoss(tx: WriteTransaction, loss: StorageLoss): Promise<void> {
  await distrustBases(tx);
  await Promise.all([setMeta(tx, 'storageReset', loss), deleteMeta(tx, 'dataLoss')]);
}

interface StoredStorage {
  readonly isNew: boolean;
  readonly epoch: string | undefined;
  readonly seq: number;
  readonly replaces: string | null;
  readonly dataLoss: boolean;
  readonly storageReset: StorageLoss | null;
}

function storedOf(meta: MetaSnapshot): StoredStorage {
  const { device, epoch, seq = 0, replaces = null, dataLoss = false, storageReset = null } = meta;
  return { isNew: device === undefined, epoch, seq, replaces, dataLoss, storageReset };
}

/** Nearly every start of a worker: the database is the one that was noted. Null: `examineStorage` has something to store. Pure. */
export function recognizeStorage(meta: MetaSnapshot, noted: StorageNote | null): StorageFacts | null {
  const { isNew, epoch, storageReset, ...stored } = storedOf(meta);
  if (isNew || epoch === undefined || lostWrites(noted, { ...stored, epoch }) !== null) return null;
  return { epoch, loss: storageReset };
}

/**
 * Looks whether a database is the one that was noted, with all that was in it. What is found out is stored in the same
 * transaction, so that it is told once and survives a stop of the worker. Belongs before anything else that uses it.
 */
export async function examineStorage(
  tx: WriteTransaction,
  noted: StorageNote | null,
  {
    newId,
    now,
    lostBeside,
  }: {
    readonly newId: () => string;
    readonly now: () => number;
    /** Whether the browser said so of the app's other database: one that was made just now stands for a lost one then. */
    readonly lostBeside: boolean;
  },
): Promise<StorageFacts> {
  const { isNew, epoch: stored, storageReset, ...facts } = storedOf(await readAllMeta(tx));
  const epoch = stored ?? newId();
  if (isNew) await setMeta(tx, 'device', newId());
  if (stored === undefined) await setMeta(tx, 'epoch', epoch);
  const dataLoss = facts.dataLoss || (isNew && lostBeside);
  const atLeast = lostWrites(noted, { ...facts, dataLoss, epoch });
  if (atLeast === null) return { epoch, loss: storageReset };
  const loss = { atLeast, at: now() };
  await storeLoss(tx, loss);
  // The numbers of lost writes are not given out again; a database that stands for a lost one is told of once.
  if (noted?.epoch === epoch) await setMeta(tx, 'seq', noted.seq);
  else if (noted !== null) await setMeta(tx, 'replaces', noted.epoch);
  return { epoch, loss };
}
