import { openDB, type IDBPDatabase } from 'idb';
import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { DeviceState } from '../../support/oracle.ts';

interface StoredChange {
  readonly table: string;
  readonly key: RecordKey;
  readonly state: string;
  readonly text: string | null;
  readonly operation: string;
}

interface StoredContent {
  readonly hash: string;
  readonly number: number;
  readonly size: number;
  readonly received: number;
}

/** The contents that are whole, by their hash. */
async function readContents(database: IDBPDatabase): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the library's own rows
  for (const { hash, number, size, received } of (await database.getAll('contents')) as StoredContent[]) {
    if (received !== size) continue;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the library's own rows
    const chunks = (await database.getAll('files', IDBKeyRange.bound([number, 0], [number, []]))) as ArrayBuffer[];
    texts.set(hash, chunks.map((chunk) => new TextDecoder().decode(chunk)).join(''));
  }
  return texts;
}

/** What a user's database on a device holds of unsent work and failures, read past the library. */
export async function readStored(
  device: string,
  user: string,
): Promise<Pick<DeviceState, 'unsent' | 'failures' | 'drafts'> & { readonly contents: ReadonlyMap<string, string> }> {
  const database = await openDB(`holdfast:${device}:${user}`);
  if (!database.objectStoreNames.contains('changes')) {
    database.close();
    return { unsent: [], failures: [], drafts: [], contents: new Map() };
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the library's own rows
  const [changes, commands, failures, drafts] = (await Promise.all([
    database.getAll('changes'),
    database.getAll('commands'),
    database.getAll('failures'),
    database.getAll('drafts'),
  ])) as [
    StoredChange[],
    (StoredChange & { readonly path: string })[],
    (StoredChange & { content: unknown })[],
    StoredChange[],
  ];
  const contents = await readContents(database);
  database.close();
  const unsent = [
    ...changes.map((row) => ({
      table: row.table,
      key: row.key,
      state: row.state,
      text: JSON.stringify(row) + (row.text ?? ''),
    })),
    ...commands.map((row) => ({ table: '', key: row.path, state: row.state, text: JSON.stringify(row) })),
  ];
  return {
    drafts: drafts.map(({ table, key, text }) => ({ table, key, text: text ?? '' })),
    contents,
    unsent,
    failures: failures.map((row) => ({
      table: row.table,
      key: row.key,
      operation: row.operation,
      text: JSON.stringify(row),
    })),
  };
}
