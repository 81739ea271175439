import { rowsOf } from '../store/changes.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow } from '../store/format.ts';
import type { JournalRow, SelectedRow } from '../store/run-rows.ts';
import { readSelected } from '../store/selected.ts';
import type { Schema } from '../store/schema.ts';

/** The commands that name a record of the part: they travel with it, in the order in which all was made (U-12). */
async function commandsFor(
  tx: AnyTransaction,
  schema: Schema,
  part: SelectedRow,
  throughSeq: number,
): Promise<CommandRow[]> {
  const path = schema.tables.get(part.table)?.path ?? null;
  if (path === null) return [];
  const commands = await tx.objectStore('commands').getAll(IDBKeyRange.upperBound(throughSeq));
  const keys = new Set(part.keys.map((key) => encodeURIComponent(String(key))));
  const named = (command: string): string => command.slice(path.length + 1).split(/[/?]/)[0] ?? '';
  const selected = new Set(part.keys);
  return commands.filter(
    (command) =>
      (command.path.startsWith(`${path}/`) && keys.has(named(command.path))) ||
      command.names.some((ref) => ref.table === part.table && selected.has(ref.key)),
  );
}

/** What there is of the selection's part at work; null: all parts are done. */
export async function nextSelected(
  tx: AnyTransaction,
  schema: Schema,
  journal: JournalRow,
): Promise<{ readonly rows: ChangeRow[]; readonly commands: CommandRow[] } | null> {
  const { selection, throughSeq } = journal;
  if (selection === undefined || selection.done >= selection.parts) return null;
  const part = await readSelected(tx, selection.done);
  if (part === undefined) return { rows: [], commands: [] };
  const [lists, commands] = await Promise.all([
    Promise.all(part.keys.map((key) => rowsOf(tx, part.table, key))),
    commandsFor(tx, schema, part, throughSeq),
  ]);
  return { rows: lists.flat().filter((row) => row.seq <= throughSeq), commands };
}

/** The part is done in this phase. */
export function afterPart(journal: JournalRow): JournalRow {
  const { selection } = journal;
  return selection === undefined ? journal : { ...journal, selection: { ...selection, done: selection.done + 1 } };
}
