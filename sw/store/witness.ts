import type { Json, JsonObject } from '../protocol/record.ts';

/**
 * Small notes in another kind of storage than the databases, so that a database that vanished can be told from one that
 * never was. Never rejects: where there is no such storage, nothing is noted, and nothing found.
 */
export interface Witness {
  read(name: string): Promise<JsonObject | null>;
  write(name: string, note: { readonly [field: string]: Json }): Promise<void>;
  remove(name: string): Promise<void>;
}
