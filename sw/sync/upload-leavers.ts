import type { RecordRef } from '../store/blocked.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow } from '../store/format.ts';
import type { Schema } from '../store/schema.ts';
import type { RecordKey } from '../protocol/record.ts';
import { leftBy, refId } from './upload-order.ts';

/** How many rows are in memory at once. */
const rowsAtOnce = 128;

type ChangeKey = [table: string, key: RecordKey, seq: number];

/**
 * Finds the changes that take a reference away, of records that are to be deleted: these go first, also where they were made
 * so much later that they are in a later batch (U-01). Reads each table that refers to another once, when first asked.
 */
export class Leavers {
  readonly #tx: AnyTransaction;
  readonly #schema: Schema;
  #byParent: ReadonlyMap<string, readonly ChangeKey[]> | null = null;

  constructor(tx: AnyTransaction, schema: Schema) {
    this.#tx = tx;
    this.#schema = schema;
  }

  async of(parent: RecordRef): Promise<readonly ChangeRow[]> {
    this.#byParent ??= await this.#find();
    const keys = this.#byParent.get(refId(parent)) ?? [];
    const rows = await Promise.all(keys.map((key) => this.#tx.objectStore('changes').get(key)));
    return rows.filter((row) => row !== undefined);
  }

  async #find(): Promise<ReadonlyMap<string, readonly ChangeKey[]>> {
    const found = new Map<string, ChangeKey[]>();
    for (const table of this.#schema.tables.values()) {
      if (table.references.length === 0) continue;
      await this.#eachRow(table.name, (row) => {
        for (const ref of leftBy(table, row)) {
          const key: ChangeKey = [row.table, row.key, row.seq];
          const keys = found.get(refId(ref));
          if (keys === undefined) found.set(refId(ref), [key]);
          else keys.push(key);
        }
      });
    }
    return found;
  }

  async #eachRow(table: string, visit: (row: ChangeRow) => void): Promise<void> {
    let range = IDBKeyRange.bound([table], [table, []]);
    for (;;) {
      const rows = await this.#tx.objectStore('changes').getAll(range, rowsAtOnce);
      rows.forEach(visit);
      const last = rows.at(-1);
      if (last === undefined || rows.length < rowsAtOnce) return;
      range = IDBKeyRange.bound([table, last.key, last.seq], [table, []], true);
    }
  }
}
