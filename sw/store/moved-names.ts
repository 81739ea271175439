import { idOf, type RecordRef } from './blocked.ts';
import type { WriteTransaction } from './database.ts';
import type { ChangeRow, CommandRow } from './format.ts';

/** Where records are by another schema, by where they were. */
export class MovedNames {
  readonly #places = new Map<string, RecordRef>();

  add(from: RecordRef, { table, key }: RecordRef): void {
    if (idOf(from) !== idOf({ table, key })) this.#places.set(idOf(from), { table, key });
  }

  of(ref: RecordRef): RecordRef {
    return this.#places.get(idOf(ref)) ?? ref;
  }

  #inReason<Row extends ChangeRow | CommandRow>(row: Row): Row {
    if (row.waitsFor === undefined || row.reason === undefined) return row;
    const [table, key] = row.waitsFor;
    const to = this.of({ table, key });
    return { ...row, waitsFor: [to.table, to.key], reason: { ...row.reason, references: to } };
  }

  inCommand<Command extends Pick<CommandRow, 'names'>>(command: Command): Command {
    return { ...command, names: command.names.map((ref) => this.of(ref)) };
  }

  /** What names them goes on naming them: commands, and what waits for them (N-6a, U-07). Scope: changes, commands. */
  async store(tx: WriteTransaction): Promise<void> {
    if (this.#places.size === 0) return;
    const [changes, commands] = [tx.objectStore('changes'), tx.objectStore('commands')];
    const [waiting, given] = await Promise.all([changes.index('waitsFor').getAll(), commands.getAll()]);
    await Promise.all([
      ...waiting.map((row) => changes.put(this.#inReason(row))),
      ...given.map((row) => commands.put(this.inCommand(this.#inReason(row)))),
    ]);
  }
}
