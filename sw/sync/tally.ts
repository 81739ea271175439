import type { TableResult } from '../protocol/run.ts';
import type { JournalRow } from '../store/run-rows.ts';
import type { RecordKey } from '../protocol/record.ts';

const namedKeys = 1000;

const emptyTally: TableResult = {
  uploaded: 0,
  downloaded: 0,
  removed: 0,
  failed: 0,
  conflicts: 0,
  uploadedKeys: [],
  failedKeys: [],
};

/** Adds to what a run did with one table. */
export function addToTally(journal: JournalRow, table: string, more: Partial<TableResult>): JournalRow {
  const old = journal.tally[table] ?? emptyTally;
  const keys = (a: readonly RecordKey[], b: readonly RecordKey[] | undefined): readonly RecordKey[] =>
    b === undefined || a.length >= namedKeys ? a : [...a, ...b].slice(0, namedKeys);
  const tally: TableResult = {
    uploaded: old.uploaded + (more.uploaded ?? 0),
    downloaded: old.downloaded + (more.downloaded ?? 0),
    removed: old.removed + (more.removed ?? 0),
    failed: old.failed + (more.failed ?? 0),
    conflicts: old.conflicts + (more.conflicts ?? 0),
    uploadedKeys: keys(old.uploadedKeys, more.uploadedKeys),
    failedKeys: keys(old.failedKeys, more.failedKeys),
  };
  return { ...journal, tally: { ...journal.tally, [table]: tally } };
}
