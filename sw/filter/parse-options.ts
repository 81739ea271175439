import type { NameOptions } from './names.ts';

export interface ParseOptions extends NameOptions {
  /** The table that `FIELD(Table,Column)` must name, in any case. Without it any table is accepted. */
  readonly table?: string | undefined;
}
