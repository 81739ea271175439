import type { RunMode, RunTrigger } from '../protocol/run.ts';
import { getMeta } from '../store/meta.ts';
import { countByTable, countScope } from '../store/counts.ts';
import { isWaiting, type Backoff } from './retry.ts';
import { downloadedTables } from './download.ts';
import type { Session } from './session.ts';

/** A trigger that only might mean something new does not download more often than this. */
const freshMs = 60_000;
/** After a fault, a sign of life is followed not sooner than this. */
const floorMs = 1_000;

export interface TriggerFacts {
  readonly now: number;
  readonly isOnline: boolean;
  readonly runOpen: boolean;
  readonly sendable: number;
  readonly lastSeq: number;
  readonly authRequired: boolean;
  readonly backoff: Backoff | null;
  readonly isBackingOff: boolean;
  readonly ready: boolean;
  /** Of the oldest table, in milliseconds since 1970; 0: never, or nothing is downloaded at all. */
  readonly downloadedAt: number;
}

/** Which run a trigger means now; null: none (SPEC R-9). Pure. */
function decideRun(trigger: RunTrigger, facts: TriggerFacts): RunMode | null {
  if (facts.authRequired && trigger !== 'call') return null;
  if (facts.runOpen) return 'all';
  const isSignOfLife = trigger === 'online' || trigger === 'background-sync' || trigger === 'live';
  const until = facts.backoff?.until ?? 0;
  const waits =
    facts.isBackingOff &&
    !(isSignOfLife && until - facts.now < 5 * 60_000 + floorMs && facts.backoff?.code !== 'server');
  const { forThrough } = facts.backoff ?? {};
  if (waits && forThrough === undefined) return null;
  // Only what the server could not take waits: what was written since does not (SPEC R-15).
  const sendable = waits && facts.lastSeq <= (forThrough ?? 0) ? 0 : facts.sendable;
  const isStale = !facts.ready || Math.abs(facts.now - facts.downloadedAt) > freshMs;
  switch (trigger) {
    case 'write':
      // The browser's word is a hint; a timer and the other triggers do without it.
      return facts.isOnline && sendable > 0 ? 'unsynchronized' : null;
    case 'timer':
      return sendable > 0 ? 'unsynchronized' : null;
    case 'background-sync':
    case 'push':
      return sendable > 0 || !facts.ready ? 'all' : null;
    case 'live':
      return 'all';
    case 'start':
    case 'online':
    case 'visible':
      return sendable > 0 || isStale ? 'all' : null;
    case 'call':
      return 'all';
  }
}

/** Reads what `decideRun` decides from. */
export async function modeFor(session: Session, trigger: RunTrigger): Promise<RunMode | null> {
  const { database, base, schema, environment } = session;
  const now = environment.now();
  const facts = await database.read([...countScope, 'runs'], async (tx): Promise<TriggerFacts> => {
    const [counts, lastSeq, open, backoff, authRequired, heads] = await Promise.all([
      countByTable(tx, base, schema),
      getMeta(tx, 'seq'),
      tx.objectStore('runs').get('open'),
      getMeta(tx, 'backoff'),
      getMeta(tx, 'authRequired'),
      Promise.all(downloadedTables(session).map((table) => base.readHead(tx, table.name))),
    ]);
    return {
      now,
      isOnline: environment.isOnline(),
      runOpen: open !== undefined,
      sendable: counts.sendable,
      lastSeq: lastSeq ?? 0,
      authRequired: authRequired ?? false,
      backoff: backoff ?? null,
      isBackingOff: isWaiting(backoff ?? null, now),
      ready: heads.every((head) => head.complete),
      downloadedAt: heads.length === 0 ? now : Math.min(...heads.map((head) => head.downloadedAt)),
    };
  });
  return decideRun(trigger, facts);
}
