import type { Catalog } from '../schema/table-definition.ts';

/** For whom changes are applied, and how. */
export interface WriteContext {
  readonly catalog: Catalog;
  readonly user: string;
  readonly users: ReadonlySet<string>;
  readonly onConflict: Readonly<Record<string, 'overwrite' | 'report'>>;
}
