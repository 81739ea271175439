import type { Page } from 'playwright';
import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import type { DeviceState } from '../../support/oracle.ts';
import { byKey } from './device.ts';

interface StoredRow {
  readonly table: string;
  readonly key: RecordKey;
  readonly state: string;
  readonly operation: string;
  readonly text: string | null;
  readonly path: string;
}

type Rows = Readonly<Record<'changes' | 'commands' | 'failures' | 'drafts', readonly StoredRow[]>>;

/** The rows of a user's database, read past the library. */
function readRows(page: Page, name: string): Promise<Rows> {
  return page.evaluate(
    (database) =>
      new Promise<Rows>((resolve, reject) => {
        const opening = indexedDB.open(database);
        opening.onerror = () => reject(new Error(`${database} cannot be opened.`));
        opening.onsuccess = () => {
          const connection = opening.result;
          const tx = connection.transaction(['changes', 'commands', 'failures', 'drafts']);
          // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- the library's own rows
          const all = (store: string): IDBRequest<StoredRow[]> => tx.objectStore(store).getAll();
          const [changes, commands] = [all('changes'), all('commands')];
          const [failures, drafts] = [all('failures'), all('drafts')];
          tx.oncomplete = () => {
            connection.close();
            resolve({
              ...{ changes: changes.result, commands: commands.result },
              ...{ failures: failures.result, drafts: drafts.result },
            });
          };
        };
      }),
    name,
  );
}

/**
 * What a device holds and shows when all is quiet, in the app of that name. Rejects if a list does not come from the local
 * database.
 */
export async function readDevice(
  page: Page,
  {
    app,
    user,
    tables,
    device = 'here',
  }: { readonly app: string; readonly user: string; readonly tables: readonly string[]; readonly device?: string },
): Promise<DeviceState> {
  const records: Record<string, ReadonlyMap<RecordKey, JsonObject>> = {};
  for (const table of tables) {
    const [source, list] = await page.evaluate<[string | null, unknown], string>(async (path) => {
      const answer = await fetch(path);
      return [answer.headers.get('Sync-Source'), await answer.json()];
    }, `/api/${table}?limit=10000`);
    if (source !== 'local') throw new Error(`The list of ${table} came from ${source}.`);
    records[table] = byKey(list);
  }
  const rows = await readRows(page, `holdfast:${app}:${user}`);
  const ofChange = ({ table, key, state, text, ...row }: StoredRow): DeviceState['unsent'][number] => ({
    ...{ table, key, state },
    text: JSON.stringify(row) + (text ?? ''),
  });
  return {
    ...{ device, user, records },
    unsent: [
      ...rows.changes.map(ofChange),
      ...rows.commands.map((row) => ({ table: '', key: row.path, state: row.state, text: JSON.stringify(row) })),
    ],
    failures: rows.failures.map(({ table, key, operation, ...row }) => ({
      ...{ table, key, operation },
      text: JSON.stringify(row),
    })),
    drafts: rows.drafts.map(({ table, key, text }) => ({ table, key, text: text ?? '' })),
  };
}
