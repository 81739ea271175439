import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { isMutationId, isRunId } from '../../sw/protocol/record.ts';
import type { Base } from '../../sw/store/base.ts';
import type { Database } from '../../sw/store/database.ts';
import type { JournalRow } from '../../sw/store/run-rows.ts';
import type { Table } from '../../sw/store/schema.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import { emptyRoot } from '../../sw/store/leaf-builder.ts';
import { createStaging, openStaging, switchedHead } from '../../sw/store/staging.ts';
import { writeRecord } from '../../sw/store/write.ts';

export interface Item {
  readonly id: string;
  readonly stock: number | null;
  readonly name: string;
  readonly filler: string;
}

export const schema = parseSchema(1, {
  items: { path: '/items', key: 'id', columns: { stock: { type: 'number', index: true }, name: 'string' } },
});

export function theTable(): Table {
  const table = schema.tables.get('items');
  if (table === undefined) throw new Error('no table');
  return table;
}

export function journal(): JournalRow {
  const run = randomUUID();
  if (!isRunId(run)) throw new Error('not an id');
  const counts = { throughSeq: 0, uploadedThrough: 0, uploadTotal: 0, uploadDone: 0, commands: 0, failed: 0 };
  const facts = { mode: 'all', trigger: 'call', full: true, user: 'ana', startedAt: 0, state: 'downloading' } as const;
  const rest = {
    resend: [],
    tally: {},
    bytesSent: 0,
    bytesReceived: 0,
    warnings: [],
    progress: null,
  };
  return { id: 'open', run, ...facts, ...counts, ...rest };
}

/** A download as a run makes it: staged, then switched. */
export async function download(
  database: Database,
  base: Base,
  full: boolean,
  items: readonly Item[],
  removals: readonly string[],
): Promise<void> {
  const table = theTable();
  const head = await database.read(['heads'], (tx) => base.readHead(tx, 'items'));
  const row = await openStaging(database, head, { full, snapshot: 's' });
  const staging = createStaging({ database, table, row, root: emptyRoot, journal });
  const records = items.map((fields) => ({
    key: fields.id,
    version: '1',
    text: JSON.stringify(fields),
    fields: { ...fields },
  }));
  if (full) await staging.addRecords(records);
  else await staging.addChanges(records, removals);
  await staging.end({ cursor: 'c', count: items.length, cursorFor: '' });
  await database.write(['heads', 'runs'], async (tx) => {
    await tx.objectStore('heads').put(switchedHead(head, staging.row, 1));
    await tx.objectStore('runs').delete(staging.row.id);
  });
}

export async function write(database: Database, base: Base, key: string, item: Item | null): Promise<void> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  const operation = item === null ? 'delete' : 'put';
  const content = (): string => JSON.stringify(item);
  const record = { table: 'items', key, operation, content, keyIsNew: false, mutationId, schema: 1 } as const;
  await writeRecord(database, base, record, 1);
}

/** A change as a new record leaves it. */
export function pendingRow(table: string, key: string, seq: number): ChangeRow {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  const facts = { operation: 'create', text: '{}', base: null, whole: false, schema: 1 } as const;
  return { table, key, seq, mutationId, ...facts, state: 'pending', attempts: 0, madeAt: 0 };
}
