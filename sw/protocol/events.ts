import type { PlainError } from './errors.ts';
import type { RecordKey } from './record.ts';
import type { Progress, RunMode, RunTrigger, SynchronizeResult, SyncState } from './run.ts';

/**
 * What is told to all tabs. Events carry keys and counts, never the only copy of anything, and they are hints: any code of
 * the origin can post to the channel.
 */
export type SyncEvent =
  | { readonly type: 'started'; readonly run: string; readonly mode: RunMode; readonly trigger: RunTrigger }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'busy'; readonly message: string }
  | { readonly type: 'finished'; readonly result: SynchronizeResult }
  /** Records whose view changed. `keys` null: too many to name; read again what you show of the table. */
  | {
      readonly type: 'changed';
      readonly source: 'local' | 'server';
      readonly tables: Readonly<
        Record<string, { readonly changed: readonly RecordKey[] | null; readonly removed: readonly RecordKey[] | null }>
      >;
    }
  | { readonly type: 'pending'; readonly pending: number }
  | {
      readonly type: 'failure';
      readonly table: string;
      readonly key: RecordKey;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'conflict'; readonly table: string; readonly key: RecordKey }
  /**
   * The write of this record (a command: `table` is empty, `key` its id) is stored, and the worker was stopped before its answer was
   * handed over: whoever made it may have been told that it failed, and must not make it again.
   */
  | { readonly type: 'unknown-outcome'; readonly table: string; readonly key: RecordKey }
  | { readonly type: 'auth-required'; readonly error: PlainError }
  /** The worker has lost the headers given at sign-in: a page that has them gives them again, over its port. */
  | { readonly type: 'credentials-wanted' }
  | { readonly type: 'storage-reset'; readonly error: PlainError }
  | { readonly type: 'storage-blocked' }
  | { readonly type: 'update-waiting' }
  | { readonly type: 'state'; readonly state: SyncState };

/** The events that a page is told of. */
export type SyncEventType = Exclude<SyncEvent['type'], 'credentials-wanted'>;

/** The versioned envelope on the BroadcastChannel. */
export interface EventEnvelope {
  readonly holdfast: 1;
  readonly user: string | null;
  readonly event: SyncEvent;
}

export function isEventEnvelope(value: unknown): value is EventEnvelope {
  if (typeof value !== 'object' || value === null) return false;
  const { holdfast, event } = value as Partial<Record<'holdfast' | 'event', unknown>>;
  return (
    holdfast === 1 && typeof event === 'object' && event !== null && 'type' in event && typeof event.type === 'string'
  );
}
