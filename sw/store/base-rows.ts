import type { ColumnBounds } from '../filter/index.ts';
import type { RecordKey } from '../protocol/record.ts';

/** Records in one value, sorted by key. The text of record `i` ends at `ends[i]`, and starts behind the comma after the last. */
export interface PackedRecords {
  readonly keys: readonly RecordKey[];
  /** One string where all records have the same version. */
  readonly versions: string | readonly string[];
  /** The records' JSON, joined by commas. */
  readonly text: string;
  readonly ends: Uint32Array;
}

export interface SegmentRow extends PackedRecords {
  /** Keys of records that are gone since; sorted. */
  readonly removed: readonly RecordKey[];
}

/** The leaves of a table, in key order; element `i` of each list is about leaf `i`. Immutable. */
export interface RootRow {
  readonly generations: readonly number[];
  readonly numbers: readonly number[];
  readonly firstKeys: readonly RecordKey[];
  readonly counts: readonly number[];
}

/** What the leaves of a table hold at least and at most, by indexed column; null where nothing is known of a leaf. */
export type RootBounds = Readonly<Record<string, readonly (ColumnBounds | null)[]>>;

export interface BoundedRoot extends RootRow {
  readonly bounds: RootBounds;
}

/** A root's bounds, apart from it, since who looks for one record needs none. By column, as JSON: only what a filter names is parsed. */
export interface BoundsRow {
  readonly json: Readonly<Record<string, string>>;
}

export interface SegmentRef {
  readonly id: number;
  readonly records: number;
  readonly removals: number;
}

/** Where a table's base stands. What no head names is not there. */
export interface HeadRow {
  readonly table: string;
  /** Grows with each change of this row. */
  readonly generation: number;
  /** The root's number, or null: no leaves. */
  readonly root: number | null;
  /** Newest last: a later one overrides an earlier one. */
  readonly segments: readonly SegmentRef[];
  readonly cursor: string | null;
  /** What the cursor holds for: user, scope, schema version, server epoch. */
  readonly cursorFor: string;
  /** Whether a first download is complete, so that absence is known. */
  readonly complete: boolean;
  /** Whether that was of the whole table, so that a missing record is known to be absent. */
  readonly whole: boolean;
  /** Milliseconds since 1970 of the last download; 0: none. */
  readonly downloadedAt: number;
  /** Grows with each change of the table's marks. */
  readonly marks: number;
  /** How many records are marked to be sent, and how many are held back. */
  readonly sendMarks: number;
  readonly holdMarks: number;
  /** The server's count at the last download, while nothing but that download is in the segments; else null. */
  readonly expectedCount: number | null;
}
