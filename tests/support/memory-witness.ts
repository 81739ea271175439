import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import type { Witness } from '../../sw/store/witness.ts';

/** A storage for notes that lives as long as the device of a test does. */
export class MemoryWitness implements Witness {
  readonly notes = new Map<string, JsonObject>();

  read(name: string): Promise<JsonObject | null> {
    return Promise.resolve(this.notes.get(name) ?? null);
  }

  write(name: string, note: { readonly [field: string]: Json }): Promise<void> {
    this.notes.set(name, note);
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.notes.delete(name);
    return Promise.resolve();
  }
}
