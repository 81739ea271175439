import type { Entry, RowState } from './working-set.ts';

/** What an upload has written so far, where its changes are carried out one by one. */
export class OwnWrites {
  readonly #writes = new Map<string, { before: RowState | null; version: bigint }>();

  /** The row as it was before this upload's first change of it; null if it was made by this upload. */
  before(entry: Entry): RowState | null {
    const write = this.#writes.get(idOf(entry));
    return write !== undefined && write.version === entry.stored?.version ? write.before : entry.stored;
  }

  /** Remembers a row that was just written; its `stored` state is still the one before. */
  remember(entry: Entry, written: RowState): void {
    this.#writes.set(idOf(entry), { before: this.before(entry), version: written.version });
  }
}

function idOf(entry: Entry): string {
  return JSON.stringify([entry.table.name, entry.key]);
}
