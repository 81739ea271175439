import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { TableName } from './commands.ts';

const names = ['k0', 'k1', 'k2'];

/** So few that commands meet the same records again. */
const keysInUse = 4;

interface Place {
  readonly device: string;
  readonly user: string;
}

/**
 * Under which keys the pages of a device know records. In a table whose keys the server makes these are what pages were
 * answered: temporary keys, for as long as the device remembers what became of them, and the server's.
 */
export class KnownKeys {
  readonly #known = new Map<string, RecordKey[]>();
  readonly #forgotten = new Set<RecordKey>();

  /** The key of a table's record by its number; undefined: the page knows of none. */
  of(table: TableName, index: number, place: Place): RecordKey | undefined {
    if (table === 'products') return index + 1;
    if (referenceTables[table]?.serverKeys !== true) return names[index % names.length];
    const own = (this.#known.get(idOf(place)) ?? []).slice(-keysInUse);
    return own[index % Math.max(1, own.length)];
  }

  learn(place: Place, table: string, record: JsonObject | null): void {
    const definition = referenceTables[table];
    const key = definition?.serverKeys === true ? record?.[definition.key] : undefined;
    const own = this.#known.get(idOf(place)) ?? [];
    if (typeof key === 'number' && !own.includes(key)) this.#known.set(idOf(place), [...own, key]);
  }

  /** The device has lost what became of temporary keys: that of a user, or of all. */
  forget(device: string, user: string | null): void {
    for (const [id, own] of this.#known) {
      if (user === null ? !id.startsWith(`${device} `) : id !== idOf({ device, user })) continue;
      for (const key of own) this.#forgotten.add(key);
      this.#known.delete(id);
    }
  }

  isForgotten(key: RecordKey): boolean {
    return this.#forgotten.has(key);
  }
}

function idOf({ device, user }: Place): string {
  return `${device} ${user}`;
}
