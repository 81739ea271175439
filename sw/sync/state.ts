import { SyncError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { SyncObstacle, SyncState } from '../protocol/run.ts';
import { countByTable, countPending, countScope } from '../store/counts.ts';
import { lastInHistory } from '../store/history.ts';
import { getMeta } from '../store/meta.ts';
import type { Table } from '../store/schema.ts';
import { lossError } from '../store/storage-loss.ts';
import { downloadedTables } from './download.ts';
import { isWaiting } from './retry.ts';
import type { Session } from './session.ts';

/** The state of a session, as a tab gets it on connecting. It comes from the database, so a new worker knows it too. */
export async function readState(session: Session): Promise<SyncState> {
  const { database, base } = session;
  return database.read([...countScope, 'runs', 'failures', 'history'], async (tx) => {
    const [last, open, pending, failures, reachable, authRequired, storage, storageReset, heads] = await Promise.all([
      lastInHistory(tx),
      tx.objectStore('runs').get('open'),
      countPending(tx, base, session.schema),
      tx.objectStore('failures').count(),
      getMeta(tx, 'reachable'),
      getMeta(tx, 'authRequired'),
      getMeta(tx, 'epoch'),
      getMeta(tx, 'storageReset'),
      Promise.all(downloadedTables(session).map((table) => base.readHead(tx, table.name))),
    ]);
    const journal = open !== undefined && 'mode' in open ? open : null;
    return {
      user: session.user,
      syncing: journal !== null,
      run:
        journal === null
          ? null
          : { id: journal.run, mode: journal.mode, trigger: journal.trigger, startedAt: journal.startedAt },
      progress: journal?.progress ?? null,
      reachable: reachable ?? null,
      authRequired: authRequired ?? false,
      pending,
      failures,
      ready: heads.every((head) => head.complete),
      lastResult: last,
      storage: storage ?? null,
      storageReset: storageReset === undefined ? null : lossError(storageReset),
    };
  });
}

/** What a page learns that loaded under another sign-in: nothing. It can still connect, to sign in again. */
export const stateForStranger: SyncState = {
  user: null,
  syncing: false,
  run: null,
  progress: null,
  reachable: null,
  authRequired: false,
  pending: 0,
  failures: 0,
  ready: false,
  lastResult: null,
};

/** What a page learns while the database waits for its key. */
export const stateWhileLocked: SyncState = { ...stateForStranger, locked: true };

/**
 * Tells all tabs how much is not synchronized, and the state that goes with it. It comes after something was stored, and
 * never rejects: that it could not be told must not look as if it were not stored. A tab asks when it connects again.
 */
export async function tellPending(session: Session): Promise<void> {
  try {
    session.noteStorage();
    const state = await readState(session);
    session.announce({ type: 'pending', pending: state.pending });
    session.announce({ type: 'state', state });
  } catch {
    // As said above.
  }
}

/** Tells all tabs that a record was written here. */
export async function tellWritten(session: Session, table: Table, key: RecordKey): Promise<void> {
  session.announce({ type: 'changed', source: 'local', tables: { [table.name]: { changed: [key], removed: [] } } });
  await tellPending(session);
}

/** Whether the device's own database is at fault. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof SyncError && (error.code === 'storage' || error.code === 'quota');
}

/** Why nothing travels. */
export async function findObstacle(session: Session): Promise<SyncObstacle> {
  const { database, base, schema, environment } = session;
  const hasCredentials = await session.hasCredentials();
  return database.read([...countScope, 'runs'], async (tx): Promise<SyncObstacle> => {
    const [counts, open, backoff, authRequired, reachable] = await Promise.all([
      countByTable(tx, base, schema),
      tx.objectStore('runs').get('open'),
      getMeta(tx, 'backoff'),
      getMeta(tx, 'authRequired'),
      getMeta(tx, 'reachable'),
    ]);
    if (!hasCredentials) return { type: 'no-credentials' };
    if (open !== undefined) return { type: 'busy' };
    if (authRequired === true) return { type: 'auth-required' };
    if (backoff !== undefined && isWaiting(backoff, environment.now())) {
      // The last run ended on this device's own database, not on the network.
      if (backoff.code === 'storage' || backoff.code === 'quota') return { type: 'storage' };
      return reachable === false && !environment.isOnline()
        ? { type: 'offline' }
        : { type: 'backing-off', until: backoff.until, code: backoff.code };
    }
    if (reachable === false) return { type: 'offline' };
    return counts.sendable === 0 ? { type: 'nothing-to-do' } : { type: 'none' };
  });
}
