import { takeOffList } from '../store/requests.ts';
import type { OpenSession } from './sessions.ts';
import { tellPending } from './state.ts';

/** The tag under which a Background Sync is asked for. */
export function syncTag(name: string): string {
  return `holdfast:${name}`;
}

/** Writes that come together are followed up together. */
const burstMs = 100;

/** What follows stored writes. Its memory matters to nobody: killed anywhere, the writes are there for the next trigger. */
export interface WriteFollower {
  /**
   * Tells the tabs how much is unsent, asks the browser for a Background Sync, and asks for a run. Belongs into the
   * `waitUntil` of the event that wrote.
   */
  follow(session: OpenSession): Promise<void>;
  /** Removes a request's row, soon. Left behind, it is swept when it is old. */
  forget(session: OpenSession, requestRow: string): Promise<void>;
}

interface Burst {
  readonly session: OpenSession;
  readonly done: Promise<void>;
}

export function createWriteFollower(): WriteFollower {
  let following: Burst | null = null;
  let forgetting: (Burst & { readonly rows: string[] }) | null = null;

  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      setTimeout(resolve, burstMs);
    });

  const followUp = async (session: OpenSession): Promise<void> => {
    const { environment, database } = session;
    const tag = syncTag(database.name);
    // At once where nothing can be sent: it is taken only while a window is open, and that may be closed right after the answer.
    const asked = environment.isOnline() ? null : environment.registerSync(tag);
    await pause();
    following = null;
    await Promise.allSettled([
      asked,
      tellPending(session),
      environment.registerSync(tag),
      session.engine.requestRun('write'),
    ]);
  };

  const forgetRows = async (session: OpenSession, rows: readonly string[]): Promise<void> => {
    await pause();
    forgetting = null;
    const { requests } = session.base.recent;
    // The writes of a burst have left out what was handed over before them.
    const listed = new Set(requests.handled);
    if (listed.size > 0) {
      await session.database.write(['meta'], (tx) => takeOffList(tx, listed), { durability: 'relaxed' });
    }
    if (rows.length === 0) return;
    await session.database.write(
      ['requests'],
      async (tx) => {
        await Promise.all(rows.map((row) => tx.objectStore('requests').delete(row)));
      },
      { durability: 'relaxed' },
    );
  };

  return {
    follow: (session) => {
      if (following?.session !== session) following = { session, done: followUp(session) };
      return following.done;
    },
    forget: (session, requestRow) => {
      if (forgetting?.session !== session) {
        const rows: string[] = [];
        forgetting = { session, rows, done: forgetRows(session, rows) };
      }
      if (!session.base.recent.requests.forget(requestRow)) forgetting.rows.push(requestRow);
      return forgetting.done;
    },
  };
}
