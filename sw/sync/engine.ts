import { runLock } from '../protocol/api.ts';
import { AuthRequiredError, CancelledError, SyncBusyError, SyncError, busyText } from '../protocol/errors.ts';
import type { RunMode, RunTrigger, SynchronizeOptions, SynchronizeResult } from '../protocol/run.ts';
import { mergeSegments, sweepTable, wantsMerging } from '../store/compaction.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { MetaValues } from '../store/meta-values.ts';
import { deleteMeta, getMeta, setMeta } from '../store/meta.ts';
import { sweepOutcomes } from '../store/outcomes.ts';
import { sweepRequests } from '../store/requests.ts';
import { sweepSeqs } from '../store/sweep-seqs.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { expandMarks } from './expand-marks.ts';
import { covers, createWaiting, outcomeOf, withRecords, type Waiting } from './joining.ts';
import { readRequest } from './read-request.ts';
import { modeFor } from './triggers.ts';
import { openRun, readJournal, runSlice, type RunRequest } from './run.ts';
import { noCredentials, type ActiveRun, type Session } from './session.ts';
import { isSignedOut } from './signed-in.ts';
import { sweepContents } from './sweep-contents.ts';
import { tellPending } from './state.ts';

const sliceMs = 90_000;

/** All that starts, joins and ends runs of one session. */
export interface Engine {
  /**
   * An explicit call. Resolves when its run has ended as `finished` or `partial`; rejects with `busy` at once while another
   * run goes, else with the error that ended the run (`details.result` has its result).
   */
  synchronize(call: string, options: SynchronizeOptions): Promise<SynchronizeResult>;
  /** For every other trigger. False: nothing to do now. Else resolves when the run has ended, however it did. */
  requestRun(trigger: RunTrigger): Promise<boolean>;
  /** Cancels the run that is going, or leaves it if the call only joined. False: there is none, or it is too late. */
  cancel(call: string | null): Promise<boolean>;
}

interface Current {
  readonly request: RunRequest;
  /** Calls that wait for the run's end. */
  readonly calls: Set<string>;
  readonly controller: AbortController;
  readonly ended: Promise<SynchronizeResult | null>;
}

export function createEngine(session: Session): Engine {
  const { database, base, environment, schema } = session;
  const lockName = runLock(database.name);
  let current: Current | null = null;
  const waiting = new Map<string, Waiting>();
  const isGoing = (run: Current): boolean => current === run;
  const busy = (): SyncBusyError => {
    session.announce({ type: 'busy', message: busyText });
    return new SyncBusyError();
  };

  const tidyUp = async (): Promise<void> => {
    const shouldYield = (): boolean => current !== null || session.signal.aborted || environment.isReplaced();
    for (const table of schema.tables.values()) {
      if (shouldYield()) return;
      const head = await database.read(['heads'], (tx) => base.readHead(tx, table.name));
      if (wantsMerging(head)) await mergeSegments(database, base, table, shouldYield);
      await sweepTable(database, base, table.name);
    }
    await sweepSeqs(database, shouldYield);
    await sweepContents(session);
    const forget = async (tx: WriteTransaction): Promise<void> => {
      await Promise.all([sweepRequests(tx, environment.now()), sweepOutcomes(tx, environment.now())]);
    };
    await database.write(['requests', 'outcomes'], forget, { durability: 'relaxed' });
  };

  const announceEnd = async (result: SynchronizeResult): Promise<void> => {
    session.announce({ type: 'finished', result });
    const { error } = result;
    if (error !== undefined && (error.code === 'auth-required' || error.code === 'user-mismatch')) {
      session.announce({ type: 'auth-required', error });
    }
    await tellPending(session);
  };

  /** Works on the open run, or opens one, with the lock held. Null: paused for a newer worker. */
  const work = async (request: RunRequest, controller: AbortController): Promise<SynchronizeResult | null> => {
    // A run that an earlier worker left is finished first.
    const left = await readJournal(session);
    const openOwn = async (mode: RunMode): Promise<JournalRow> => {
      await expandMarks(session);
      return openRun(session, { ...request, mode });
    };
    let journal = left ?? (await openOwn(request.mode));
    for (;;) {
      const active: ActiveRun = {
        session,
        signal: AbortSignal.any([controller.signal, session.signal]),
        journal,
        known: null,
        next: null,
        sliceEndsAt: environment.now() + sliceMs,
      };
      const slice = await runSlice(active);
      if (slice.type === 'paused') {
        if (environment.isReplaced()) return null;
        journal = (await readJournal(session)) ?? active.journal;
        continue;
      }
      await announceEnd(slice.result);
      if (slice.result.run !== left?.run || slice.result.outcome === 'failed') return slice.result;
      // It sent what was stored when it opened, or was cancelled then; what was asked for since is for one of its own.
      const mode = request.trigger === 'call' ? request.mode : await modeFor(session, request.trigger);
      if (mode === null || controller.signal.aborted) return slice.result;
      journal = await openOwn(mode);
    }
  };

  const withLock = (
    waits: boolean,
    request: RunRequest,
    controller: AbortController,
  ): Promise<SynchronizeResult | null | 'taken'> =>
    environment.locks.request(
      lockName,
      waits ? { signal: AbortSignal.any([session.signal, controller.signal]) } : { ifAvailable: true },
      async (lock) => (lock === null ? 'taken' : work(request, controller)),
    );

  const start = (request: RunRequest, call: string | null, waits = false): Current => {
    const controller = new AbortController();
    const run = async (): Promise<SynchronizeResult | null> => {
      try {
        let outcome = await withLock(false, request, controller);
        if (outcome === 'taken') {
          // The other worker of an update has it, or is tidying up. A run of its own would be in the journal.
          if (!waits && (await readJournal(session)) !== null) {
            if (call !== null) throw busy();
            const { mode, trigger } = request;
            await database.write(['meta'], (tx) => setMeta(tx, 'runAgain', { mode, trigger }));
            return null;
          }
          outcome = await withLock(true, request, controller);
        }
        return outcome === 'taken' ? null : outcome;
      } finally {
        current = null;
      }
    };
    const started: Current = { request, calls: new Set(call === null ? [] : [call]), controller, ended: run() };
    current = started;
    // Whoever waits gets the error; a run that nobody waits for is in the history.
    started.ended.then(
      () => afterRun(),
      () => undefined,
    );
    return started;
  };

  const takeRunAgain = (): Promise<MetaValues['runAgain'] | undefined> =>
    database.write(['meta'], async (tx) => {
      const again = await getMeta(tx, 'runAgain');
      if (again !== undefined) await deleteMeta(tx, 'runAgain');
      return again;
    });

  const afterRun = async (): Promise<void> => {
    // Where another is to be the active worker, what is left to do is for that one.
    if (session.signal.aborted || environment.isReplaced()) return;
    try {
      const again = await environment.locks.request(lockName, { ifAvailable: true }, (lock) =>
        // While another worker runs it is for that one to take, at its end; taken here, it would be put back at once, for ever.
        lock === null ? undefined : takeRunAgain(),
      );
      if (again !== undefined) await engine.requestRun(again.trigger);
      if (current === null)
        await environment.locks.request(lockName, { ifAvailable: true }, (lock) =>
          lock === null ? undefined : tidyUp(),
        );
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
    }
  };

  const engine: Engine = {
    synchronize: async (call, options) => {
      const request = readRequest(session.schema, options);
      if (isSignedOut(session)) throw new AuthRequiredError('Nobody is signed in. Call signIn({ user }) first.');
      const { onBusy = 'error' } = options;
      // Known from here on, so that a call which is given up while headers are asked for begins no run.
      const mine = createWaiting();
      waiting.set(call, mine);
      try {
        if (!(await Promise.race([session.hasCredentials(), mine.left]))) throw noCredentials();
        while (current !== null) {
          const going = current;
          // A run that only sends what was just written is over in a moment, and nobody asked for it: wait for it.
          const isBrief = going.request.mode === 'unsynchronized' && going.request.trigger !== 'call';
          if (onBusy === 'join' && (await covers(session, going.request, request)) && isGoing(going)) {
            going.calls.add(call);
            return await withRecords(session, outcomeOf(await Promise.race([going.ended, mine.left])));
          }
          if (onBusy === 'error' && !isBrief) throw busy();
          await Promise.race([going.ended.catch(() => undefined), mine.left]);
          // Let the end of that run be dealt with before looking again.
          await Promise.resolve();
        }
        const { ended } = start(request, call, onBusy !== 'error');
        return await withRecords(session, outcomeOf(await Promise.race([ended, mine.left])));
      } finally {
        waiting.delete(call);
      }
    },

    requestRun: async (trigger) => {
      if (isSignedOut(session)) return false;
      for (;;) {
        const going = current;
        if (going === null) break;
        // Join it, then look what is left to do.
        await going.ended.catch(() => undefined);
      }
      const mode = await modeFor(session, trigger);
      if (mode === null || !(await session.hasCredentials())) return false;
      // Another trigger may have come first meanwhile.
      if (current !== null) return engine.requestRun(trigger);
      await start({ mode, full: false, trigger }, null).ended.catch(() => undefined);
      return true;
    },

    cancel: async (call) => {
      const going = current;
      if (call !== null) {
        const others = new Set(going?.calls);
        const takesPart = others.delete(call);
        if (!takesPart || others.size > 0 || going?.request.trigger !== 'call') {
          going?.calls.delete(call);
          const mine = waiting.get(call);
          mine?.leave();
          return mine !== undefined;
        }
      }
      const answer = await database.write(['runs', 'meta'], async (tx) => {
        const row = await tx.objectStore('runs').get('open');
        if (row === undefined || !('mode' in row)) return 'none';
        if (row.state === 'applying') return 'too-late';
        await setMeta(tx, 'cancelRun', row.run);
        return 'cancelled';
      });
      if (answer === 'too-late') {
        throw new SyncError('too-late', 'The run is in its final switch and cannot be cancelled any more.');
      }
      going?.controller.abort(new CancelledError('The run was cancelled.'));
      return answer === 'cancelled' || going !== null;
    },
  };
  return engine;
}
