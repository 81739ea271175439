import type { RecordRef } from '../store/blocked.ts';
import { rowsBetween } from '../store/changes.ts';
import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow } from '../store/format.ts';
import type { Schema } from '../store/schema.ts';
import { leftBy, refId } from './upload-order.ts';

/**
 * Finds the changes that take a reference away, of records that are to be deleted: these go first, also where they were made
 * so much later that they are in a later batch (U-01). Reads each table that refers to another once, when first asked.
 */
export class Leavers {
  readonly #tx: AnyTransaction;
  readonly #schema: Schema;
  #byParent: Map<string, ChangeRow[]> | null = null;

  constructor(tx: AnyTransaction, schema: Schema) {
    this.#tx = tx;
    this.#schema = schema;
  }

  async of(parent: RecordRef): Promise<readonly ChangeRow[]> {
    this.#byParent ??= await this.#find();
    return this.#byParent.get(refId(parent)) ?? [];
  }

  async #find(): Promise<Map<string, ChangeRow[]>> {
    const found = new Map<string, ChangeRow[]>();
    for (const table of this.#schema.tables.values()) {
      if (table.references.length === 0) continue;
      for (const row of await rowsBetween(this.#tx, table.name, null, null)) {
        // It goes with all of its group, or not at all (N-7).
        if (row.group !== undefined) continue;
        for (const ref of leftBy(table, row)) found.set(refId(ref), [...(found.get(refId(ref)) ?? []), row]);
      }
    }
    return found;
  }
}
