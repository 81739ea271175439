import type { Json } from '../protocol/record.ts';
import type { ChangeRow, FailureRow } from '../store/format.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { parseStored } from '../store/rebase.ts';
import type { Session } from './session.ts';
import type { SettledFailure } from './settle.ts';

function contentOf(row: ChangeRow): Json {
  return row.text === null ? null : parseStored(row.text);
}

/** The stored record of a change that the server did not take (F-01). */
export function failureRow(session: Session, journal: JournalRow, device: string, failure: SettledFailure): FailureRow {
  const { row, code, message, fields, retriable } = failure;
  return {
    id: session.environment.newId(),
    table: row.table,
    key: row.key,
    operation: row.operation,
    content: contentOf(row),
    base: row.base === null ? null : parseStored(row.base.text),
    code,
    message,
    ...(fields === null ? {} : { fields }),
    user: session.user,
    device,
    run: journal.run,
    at: session.environment.now(),
    retriable,
    seq: retriable ? row.seq : null,
    mutationId: row.mutationId,
    ...(failure.references === undefined ? {} : { references: failure.references }),
    ...(row.group === undefined ? {} : { group: row.group.id }),
    reported: 0,
  };
}
