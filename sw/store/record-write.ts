import type { WriteOperation } from './coalesce.ts';
import type { WriteTransaction } from './database.ts';
import type { ChangeBase, StoreName } from './format.ts';
import type { RequestRow } from './request-rows.ts';
import type { StoredContent } from './contents.ts';
import { requestRowKey, type RequestIdentity } from './requests.ts';
import type { MutationId, RecordKey } from '../protocol/record.ts';

export interface RecordWrite {
  readonly table: string;
  readonly key: RecordKey;
  readonly operation: WriteOperation;
  /**
   * The record's JSON after the write, from its JSON before (null: there is none). Called again if the record changed
   * between reading and committing. Not called for a delete.
   */
  readonly content: (view: string | null) => string;
  /** The key was made just now, so no record can have it: the base is not read. */
  readonly keyIsNew: boolean;
  /** The server's copy, read because the base does not hold the record; null: the server has none. */
  readonly fetched?: ChangeBase | null;
  /**
   * How many temporary keys had been replaced when the write's own keys were looked up. Given where it names a record that
   * may have one: if more were replaced meanwhile, nothing is stored, and its keys are to be looked up again.
   */
  readonly aliases?: number;
  /** The server makes the table's keys: a new record on its way may be known by the server's key too (SPEC N-3). @default false */
  readonly hasServerKeys?: boolean;
  /** Prepares what is to be stored with it; called again for each attempt, which are counted from 0. */
  readonly also?: (attempt: number) => Promise<WriteAlso>;
  readonly mutationId: MutationId;
  readonly schema: number;
  /** Somebody wants to hear what becomes of it. @default false */
  readonly asked?: boolean;
  /** The content that the record is to name: it is named in the transaction that stores the change. */
  readonly file?: StoredContent;
  /** The draft of the record that this write commits: it goes in the same transaction, if it still has this id. */
  readonly draft?: MutationId;
  /** With `draft`: the id where it amends another change. */
  readonly amendId?: MutationId;
  readonly request?: RequestIdentity;
  /** The answer to store with the request, from what was stored. */
  readonly answer?: (stored: { readonly created: boolean; readonly text: string | null }) => {
    readonly status: number;
    readonly body: string | null;
    readonly location: string | null;
  };
}

/** Stores another write in the same transaction; throws `StaleReadError` where that cannot be. */
export type WriteWithin = (write: RecordWrite) => Promise<void>;

/** What is stored in a write's transaction, after it. What throws takes the write back too. */
export interface WriteAlso {
  readonly stores: readonly StoreName[];
  /** Makes its first requests before anything is awaited. Throws `StaleReadError` if what was prepared is out of date. */
  readonly check: (tx: WriteTransaction) => Promise<void>;
  readonly work: (tx: WriteTransaction, write: WriteWithin) => Promise<void>;
}

export type WriteResult =
  | {
      readonly type: 'stored';
      readonly created: boolean;
      readonly text: string | null;
      readonly dropped: boolean;
      /** The row that stands for it; null if it was dropped. */
      readonly seq: number | null;
    }
  | { readonly type: 'refused'; readonly code: 'exists' | 'not-found' }
  /** The record is not held here and absence is not known: read it from the server and try again (D-08). */
  | { readonly type: 'unknown-base' }
  /** A record that it names got another key meanwhile. */
  | { readonly type: 'renamed' }
  | { readonly type: 'repeated'; readonly row: RequestRow }
  | { readonly type: 'request-changed' };

/** The row of the request that a write came from; null: it came from none. */
export function requestRowOf(
  write: RecordWrite,
  now: number,
  result: { readonly created: boolean; readonly text: string | null },
): RequestRow | null {
  const { request: identity } = write;
  const answer = write.answer?.(result);
  if (identity === undefined || answer === undefined) return null;
  return {
    fingerprint: requestRowKey(identity),
    incarnation: identity.incarnation,
    at: now,
    bodyHash: identity.bodyHash,
    ...answer,
    table: write.table,
    key: write.key,
    mutationId: write.mutationId,
    explicit: identity.explicit,
  };
}
