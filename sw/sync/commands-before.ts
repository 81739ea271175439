import { rowsOf } from '../store/changes.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow } from '../store/format.ts';
import { refId } from './upload-order.ts';

/**
 * The commands that are still to be sent, by the records that they name: what was made on such a record after a command goes after it
 * (U-12). Reads them once, when first asked.
 */
export class CommandsBefore {
  readonly #tx: AnyTransaction;
  #byRecord: ReadonlyMap<string, readonly CommandRow[]> | null = null;

  constructor(tx: AnyTransaction) {
    this.#tx = tx;
  }

  /** The first one made before the row that names its record, or one of its records, and is not `isSent`. */
  async firstOf(row: ChangeRow | CommandRow, isSent: (command: CommandRow) => boolean): Promise<CommandRow | null> {
    this.#byRecord ??= await this.#find();
    if (this.#byRecord.size === 0) return null;
    for (const ref of 'method' in row ? row.names : [row]) {
      for (const command of this.#byRecord.get(refId(ref)) ?? []) {
        if (command.seq < row.seq && !isSent(command) && !(await this.#isEarly(command))) return command;
      }
    }
    return null;
  }

  /** It came before a record that it names was made: it waits for that, and nothing for it. */
  async #isEarly(command: CommandRow): Promise<boolean> {
    for (const ref of command.names) {
      const [first] = await rowsOf(this.#tx, ref.table, ref.key);
      if (first?.operation === 'create' && first.seq > command.seq) return true;
    }
    return false;
  }

  async #find(): Promise<ReadonlyMap<string, readonly CommandRow[]>> {
    const found = new Map<string, CommandRow[]>();
    const commands = this.#tx.objectStore('commands');
    if ((await commands.count()) === 0) return found;
    for (const command of await commands.getAll()) {
      if (command.state !== 'pending' && command.state !== 'blocked') continue;
      for (const ref of command.names) found.set(refId(ref), [...(found.get(refId(ref)) ?? []), command]);
    }
    return found;
  }
}
