import { untilUnmoved } from '../store/base.ts';
import { StaleReadError } from '../store/database.ts';
import { rowsOf } from '../store/changes.ts';
import type { ChangeRow } from '../store/format.ts';
import { deleteMarks, firstMarks } from '../store/marks.ts';
import { takeNumbers } from '../store/meta.ts';
import { isSendable, type Table } from '../store/schema.ts';
import { isMutationId } from '../protocol/record.ts';
import type { Session } from './session.ts';

/**
 * Makes changes of the records that were set *not synchronized* by hand, whole (K-03). Marks are packed, and expanded only at
 * the start of a run, or before a command or group, which goes behind them (SPEC K-S3). A record that has a change anyway
 * loses its mark.
 */
export async function expandMarks(session: Session): Promise<void> {
  const { database, base, schema } = session;
  const sendable = [...schema.tables.values()].filter(isSendable);
  const heads = await database.read(['heads'], (tx) =>
    Promise.all(sendable.map(({ name }) => base.readHead(tx, name))),
  );
  for (const [index, table] of sendable.entries()) {
    if (heads[index]?.sendMarks === 0) continue;
    while (await untilUnmoved(() => expandSome(session, table))) {
      if (session.signal.aborted) return;
    }
  }
}

async function expandSome(session: Session, table: Table): Promise<boolean> {
  const { database, base, environment, schema } = session;
  const read = await database.read(['heads', 'marks', 'roots', 'segments', 'leaves'], async (tx) => {
    const head = await base.readHead(tx, table.name);
    const marks = await firstMarks(tx, head, 'send');
    const records = await Promise.all((marks?.keys ?? []).map((key) => base.readRecord(tx, head, key)));
    return { head, marks, records: records.filter((record) => record !== null) };
  });
  const { marks } = read;
  if (marks === null) return false;
  await database.write(['heads', 'marks', 'changes', 'meta'], async (tx) => {
    const head = await base.readHead(tx, table.name);
    if (head.generation !== read.head.generation || head.marks !== read.head.marks)
      throw new StaleReadError(`${table.name} moved`);
    let seq = await takeNumbers(tx, 'seq', read.records.length);
    for (const record of read.records) {
      const rows = await rowsOf(tx, table.name, record.key);
      const mutationId = environment.newId();
      if (!isMutationId(mutationId)) throw new TypeError('newId made no usable id');
      const row: ChangeRow = {
        table: table.name,
        key: record.key,
        seq,
        mutationId,
        operation: 'update',
        text: record.text,
        base: { text: record.text, version: record.version },
        whole: true,
        schema: schema.version,
        state: 'pending',
        attempts: 0,
        madeAt: environment.now(),
      };
      if (rows.length === 0) await tx.objectStore('changes').put(row);
      seq += 1;
    }
    await deleteMarks(tx, head, 'send', marks);
  });
  return true;
}
