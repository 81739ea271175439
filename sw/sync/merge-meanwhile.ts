import { mergeSegments, sweepTable, wantsMerging } from '../store/compaction.ts';
import type { ActiveRun } from './session.ts';
import { isStorageFault } from './state.ts';

/** A third of the records in segments that a worker keeps in memory. */
const mostSent = 16_384;

/**
 * Merges the segments of a long upload from time to time, not at its end alone: where they are more than is kept in memory, each
 * read of a record reads them all (SPEC P-7). Call it between two batches, with the number that was sent before the last one.
 */
export async function mergeMeanwhile({ session, signal, journal }: ActiveRun, sentBefore: number): Promise<void> {
  if (Math.floor(journal.uploadDone / mostSent) === Math.floor(sentBefore / mostSent)) return;
  const { database, base, schema, environment } = session;
  const shouldYield = (): boolean => signal.aborted || environment.isReplaced();
  try {
    for (const table of schema.tables.values()) {
      const head = await database.read(['heads'], (tx) => base.readHead(tx, table.name));
      if (!wantsMerging(head)) continue;
      if ((await mergeSegments(database, base, table, shouldYield)) === 'yielded') return;
      await sweepTable(database, base, table.name);
    }
  } catch (error) {
    // Nothing hangs on it; and what is sent makes room.
    if (!isStorageFault(error)) throw error;
  }
}
