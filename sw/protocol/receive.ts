import type { RecordKey } from './record.ts';

/** What became of records that the server said were new. */
export interface ReceiveResult {
  /** Records whose newer copy is here now. */
  readonly received: number;
  /** Records that were here, and that the server has no more, or not for this user. */
  readonly removed: number;
  /** Of both, those that are changed here as well: the change stays, and the server hears of it as a conflict. */
  readonly changed: readonly RecordKey[];
}
