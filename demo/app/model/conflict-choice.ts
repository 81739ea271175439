import type { Conflict } from 'holdfast/client';

export type Side = 'mine' | 'server';
type FieldsOf = NonNullable<Conflict['local']>;

/** A field of a conflict in which the two sides differ, with its three values; undefined: the copy has none. */
export interface FieldConflict {
  readonly field: string;
  readonly base: unknown;
  readonly mine: unknown;
  readonly server: unknown;
  /** The side that alone changed the field; null if both did, and somebody must choose. */
  readonly proposed: Side | null;
}

/** The fields to choose of; none if a side has deleted the record: then there is one choice, of the whole. */
export function fieldConflicts({ base, local, server, fields }: Conflict): readonly FieldConflict[] {
  if (local === null || server === null) return [];
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  return fields.map((field) => {
    const [was, mine, theirs] = [base?.[field], local[field], server[field]];
    const proposed = base === null ? null : same(mine, was) ? 'server' : same(theirs, was) ? 'mine' : null;
    return { field, base: was, mine, server: theirs, proposed };
  });
}

/** The server's copy with the fields that were chosen from this device. */
export function chosenRecord({ local, server }: Conflict, sides: ReadonlyMap<string, Side>): FieldsOf {
  const record = new Map(Object.entries(server ?? {}));
  for (const [field, side] of sides) {
    if (side === 'server') continue;
    const value = local?.[field];
    if (value === undefined) record.delete(field);
    else record.set(field, value);
  }
  return Object.fromEntries(record);
}
