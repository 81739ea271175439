import type { RecordKey } from './record.ts';
import type { FailureCode, StatusDetail } from './status.ts';

interface OfRecord {
  /** Of a command and of a group: empty. */
  readonly table: string;
  /** The record's key as it is now; of a command or group its id. */
  readonly key: RecordKey;
}

/**
 * What became of a write. `unknown`: none was stored here under this key in the last day. `pending`: it is stored and not
 * settled yet. `applied`: the server took it. `refused`: it did not; while the change stands here, `failure` can be retried.
 * `discarded`: it was given up here before the server took it.
 */
export type WriteOutcome =
  | { readonly type: 'unknown' }
  | (OfRecord & { readonly type: 'pending'; readonly detail: StatusDetail })
  | (OfRecord & { readonly type: 'applied' })
  | (OfRecord & { readonly type: 'discarded' })
  | (OfRecord & {
      readonly type: 'refused';
      readonly code: FailureCode;
      readonly message: string;
      readonly fields?: Readonly<Record<string, string>>;
      readonly failure: string | null;
    });
