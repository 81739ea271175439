import type { MutationId, RecordKey } from '../protocol/record.ts';
import type { FailureCode } from '../protocol/status.ts';

/** A request of a page that wrote, until its answer was handed over (SPEC ). */
export interface RequestRow {
  readonly fingerprint: string;
  readonly incarnation: string;
  readonly at: number;
  readonly bodyHash: string;
  readonly status: number;
  readonly body: string | null;
  readonly location: string | null;
  readonly table: string;
  readonly key: RecordKey;
  readonly mutationId: MutationId;
  /** An explicit idempotency key, kept longer. */
  readonly explicit: boolean;
  /** The first and last `seq` of what it stored to be sent: an empty range where it came to nothing. None of a draft. */
  readonly seqs?: readonly [number, number];
}

/** What became of a change or command that somebody asked about, after nothing stands for it any more. */
export interface OutcomeRow {
  readonly seq: number;
  readonly at: number;
  readonly end:
    | { readonly type: 'applied' }
    /** What is left of it goes on in a later change of the record. */
    | { readonly type: 'continued'; readonly seq: number }
    | { readonly type: 'refused'; readonly code: FailureCode; readonly failure: string | null }
    | { readonly type: 'discarded' };
}
