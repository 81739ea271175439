import type { Failure, PendingCounts, Progress, SyncClient, SyncState } from 'holdfast/client';
import { createLoader } from './loader.ts';

/** What the app shows of synchronizing, kept up to date from the client's events. */
export interface SyncWatch {
  readonly state: SyncState | null;
  /** Of the run that is going; null if none is, or nothing is known of it yet. */
  readonly progress: Progress | null;
  /** Whether a run has been going for so long that it is worth a place on the page. */
  readonly showsRun: boolean;
  /** Whether the server answered when last asked, by the worker or by this page; null: not asked yet. */
  readonly online: boolean | null;
  readonly syncing: boolean;
  /** Nobody is signed in on this device. */
  readonly signedOut: boolean;
  readonly pending: PendingCounts | null;
  readonly pendingCount: number;
  readonly failures: readonly Failure[];
  readonly authRequired: boolean;
  readonly updateWaiting: boolean;
  /** What the browser has lost of this device's data, in words; null: nothing, or it was read. */
  readonly lost: string | null;
  readonly lostRead: () => void;
}

export interface SyncWatcher extends SyncWatch {
  reachable(answered: boolean): void;
  /** Listens from now on; the current state is read once, because a page may open in the middle of a run. */
  follow(sync: SyncClient): Promise<void>;
}

/** Most runs send what was just written, and are over before one could read that they are going. */
const briefMs = 400;

interface Listeners {
  readonly draw: () => void;
  /** Records of these tables changed, here or by a run. */
  readonly onChanged: (tables: readonly string[]) => void;
  readonly onBusy: (message: string) => void;
  /** A run ended, with its result on disk. */
  readonly onRunEnded: (failed: boolean) => void;
}

export function createSyncWatch({ draw, onChanged, onBusy, onRunEnded }: Listeners): SyncWatcher {
  let state: SyncState | null = null;
  let progress: Progress | null = null;
  let run: { readonly id: string; readonly startedAt: number } | null = null;
  let online: boolean | null = null;
  let authRequired = false;
  let updateWaiting = false;
  let lost: string | null = null;
  let client: SyncClient | null = null;

  const counts = createLoader<{ pending: PendingCounts; failures: readonly Failure[] } | null>(async () => {
    if (client === null) return null;
    const [pending, failures] = await Promise.all([client.pending(), client.failures({ limit: 100 })]);
    return { pending, failures };
  }, draw);
  const counted = (): { pending: PendingCounts; failures: readonly Failure[] } | null =>
    counts.current.type === 'ready' ? counts.current.value : null;

  const follows = (id: string, startedAt: number): void => {
    if (run?.id === id) return;
    run = { id, startedAt };
    setTimeout(draw, briefMs + 10);
  };

  const take = (next: SyncState): void => {
    if (next.reachable !== null && next.reachable !== state?.reachable) online = next.reachable;
    state = next;
    authRequired = next.authRequired;
    progress = next.syncing ? (next.progress ?? progress) : null;
    if (next.run !== null) follows(next.run.id, next.run.startedAt);
    draw();
  };

  return {
    get state() {
      return state;
    },
    get progress() {
      return progress;
    },
    get showsRun() {
      const isGoing = state?.syncing === true || progress !== null;
      return isGoing && run !== null && Math.abs(Date.now() - run.startedAt) >= briefMs;
    },
    get online() {
      return online;
    },
    get syncing() {
      return state?.syncing === true || progress !== null;
    },
    get signedOut() {
      return state?.user === '';
    },
    get pending() {
      return counted()?.pending ?? null;
    },
    get pendingCount() {
      return counted()?.pending.total ?? state?.pending ?? 0;
    },
    get failures() {
      return counted()?.failures ?? [];
    },
    get authRequired() {
      return authRequired;
    },
    get updateWaiting() {
      return updateWaiting;
    },
    get lost() {
      return lost;
    },
    lostRead() {
      lost = null;
      draw();
    },
    reachable(answered) {
      if (online === answered) return;
      online = answered;
      draw();
    },
    async follow(sync) {
      client = sync;
      sync.addEventListener('state', (event) => {
        take(event.detail);
      });
      sync.addEventListener('started', (event) => {
        follows(event.detail.run, Date.now());
      });
      sync.addEventListener('progress', (event) => {
        progress = event.detail;
        follows(event.detail.run, Date.now());
        draw();
      });
      sync.addEventListener('finished', (event) => {
        progress = null;
        if (state !== null) state = { ...state, syncing: false, run: null, progress: null };
        counts.refresh();
        onRunEnded(event.detail.outcome === 'failed');
        draw();
      });
      sync.addEventListener('pending', () => {
        counts.refresh();
      });
      sync.addEventListener('failure', () => {
        counts.refresh();
      });
      sync.addEventListener('conflict', () => {
        counts.refresh();
      });
      sync.addEventListener('changed', (event) => {
        counts.refresh();
        onChanged(Object.keys(event.detail.tables));
      });
      sync.addEventListener('busy', (event) => {
        onBusy(event.detail.message);
      });
      sync.addEventListener('auth-required', () => {
        authRequired = true;
        draw();
      });
      sync.addEventListener('storage-reset', (event) => {
        lost = event.detail.message;
        draw();
      });
      sync.addEventListener('update-waiting', () => {
        updateWaiting = true;
        draw();
      });
      counts.refresh();
      take(await sync.state());
    },
  };
}
