import type { JsonRecord, RecordKey } from './record.ts';

/** A record that its user has not committed: kept on this device, never sent, over nothing that is stored. */
export interface Draft {
  readonly table: string;
  readonly key: RecordKey;
  /** As it would be committed now: the record as it is here, with the fields that the draft changed. */
  readonly record: JsonRecord;
  /** Whether it is to be a new record. */
  readonly isNew: boolean;
  /** When it was last written, in milliseconds since 1970. */
  readonly at: number;
}
