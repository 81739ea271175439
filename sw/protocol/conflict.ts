import type { JsonRecord, RecordKey } from './record.ts';
import type { QueryParameter } from './query.ts';

/** A change that the server's copy stands against, under the policy `manual`. */
export interface Conflict {
  /** Of the failure that holds it: what `resolve` takes. */
  readonly id: string;
  readonly table: string;
  readonly key: RecordKey;
  /** The copy on which the change was made; null: none is known. */
  readonly base: JsonRecord | null;
  /** What the user made of it; null: deleted here. */
  readonly local: JsonRecord | null;
  /** What the server has; null: deleted there. */
  readonly server: JsonRecord | null;
  /** The fields in which `local` and `server` differ. */
  readonly fields: readonly string[];
}

export interface ClearOptions {
  /** The values of the filter's parameters. */
  readonly params?: Readonly<Record<string, QueryParameter>>;
  /** Clear also records with unsent changes, which are given up. @default false */
  readonly force?: boolean;
}

export interface ClearResult {
  /** Records that are not here any more. */
  readonly cleared: number;
  /** Records that stayed, since they have changes; with `force`, those that are being sent just now. At most 1,000. */
  readonly refused: readonly RecordKey[];
}
