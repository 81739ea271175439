import type { RecordKey } from './record.ts';
import type { StatusDetail, SyncStatus } from './status.ts';

export type QueryParameter = string | number | boolean | null | Date;

/** Which records of a table, in which order, and how many of them. */
export interface QueryOptions {
  /** In the filter language, as text, as an object, or as what `filterBuilder` makes. @default every record */
  readonly filter?: string | object;
  /** The values of the filter's parameters. */
  readonly params?: Readonly<Record<string, QueryParameter>>;
  /** Columns, each with its direction: `Name,-Stock` or `Name ASC, Stock DESC`. Equals stand in the order of their keys. */
  readonly orderBy?: string;
  /** @default all */
  readonly limit?: number;
  /** @default 0 */
  readonly offset?: number;
  /** Only records of this status; 0 is synchronized, 1 is not. */
  readonly status?: SyncStatus | StatusDetail | 0 | 1;
}

export interface ListedStatus {
  readonly key: RecordKey;
  readonly detail: StatusDetail;
}

/** What of a query's answer is not the records. */
export interface QueryFacts {
  /** How many records match, on all pages. */
  readonly total: number;
  /** The finer status of each record of this page that is not `clean`. */
  readonly statuses: readonly ListedStatus[];
  /** How many of all that match are not synchronized. */
  readonly notSynchronized: number;
  /** What is probably a mistake: a parameter that is not used, a comparison that never can be true. */
  readonly warnings: readonly string[];
  /**
   * Whether all is here that there is of the table. False: its first download is not complete, or only a part of it is kept
   * here; what is missing may exist.
   */
  readonly complete: boolean;
  /** When the table was last downloaded, in milliseconds since 1970; 0: never. */
  readonly downloadedAt: number;
}

/** A query's answer as it crosses the port: one text is sent faster than its records are. */
export interface QueryAnswer extends QueryFacts {
  readonly text: string;
  /** The field that holds the records' keys. */
  readonly keyField: string;
}
