import { chunksLock, chunksOf } from '../store/contents.ts';
import type { WriteTransaction } from '../store/database.ts';
import { fileIn, fileOf } from '../store/file-field.ts';
import type { StoreName } from '../store/format.ts';
import { rowsBetween } from '../store/changes.ts';
import { scanBase } from '../store/scan.ts';
import type { Table } from '../store/schema.ts';
import { isJsonObject } from '../protocol/record.ts';
import type { Session } from './session.ts';

const sweepScope: StoreName[] = ['heads', 'changes', 'drafts', 'failures', 'contents', 'files', 'sentContents', 'runs'];

/** The hashes that unsent work names: changes, what they were made on, drafts, and failures with their content. */
async function namedByWork(tx: WriteTransaction, tables: readonly Table[]): Promise<Set<string>> {
  const named = new Set<string>();
  const add = (hash: string | undefined): unknown => hash !== undefined && named.add(hash);
  const byName = new Map(tables.map((table) => [table.name, table]));
  for (const table of tables) {
    const drafts = IDBKeyRange.bound([table.name], [table.name, []]);
    const rows = [
      ...(await rowsBetween(tx, table.name, null, null)),
      ...(await tx.objectStore('drafts').getAll(drafts)),
    ];
    for (const row of rows) {
      add(fileIn(table, row.text)?.hash);
      add(fileIn(table, row.base?.text ?? null)?.hash);
      add(fileIn(table, row.server?.text ?? null)?.hash);
    }
  }
  for (const failure of await tx.objectStore('failures').getAll()) {
    const table = byName.get(failure.table);
    if (table === undefined) continue;
    for (const record of [failure.content, failure.base]) if (isJsonObject(record)) add(fileOf(table, record)?.hash);
  }
  return named;
}

/**
 * Removes contents that no record, change, draft or failure names, and chunks that no content names, as a store that was
 * killed leaves them. Only the holder of the run lock may call it, without a run going.
 */
export async function sweepContents(session: Session): Promise<void> {
  const { database, base, schema } = session;
  const tables = [...schema.tables.values()].filter((table) => table.file !== null);
  if (tables.length === 0) return;
  const isEmpty = await database.read(['files', 'contents'], async (tx) => {
    const [files, contents] = await Promise.all([tx.objectStore('files').count(), tx.objectStore('contents').count()]);
    return files + contents === 0;
  });
  if (isEmpty) return;
  const named = new Set<string>();
  const generations = new Map<string, number>();
  for (const table of tables) {
    const generation = await scanBase(database, base, table.name, (_key, text) => {
      const file = fileIn(table, text);
      if (file !== null) named.add(file.hash);
    });
    generations.set(table.name, generation);
  }
  await database.write(sweepScope, async (tx) => {
    const open = await tx.objectStore('runs').get('open');
    // What is confirmed counts for one run.
    if (open === undefined) await tx.objectStore('sentContents').clear();
    for (const [table, generation] of generations) {
      // A record that came since may name what none named before: another time.
      if ((await base.readHead(tx, table)).generation !== generation) return;
    }
    const work = await namedByWork(tx, tables);
    for (const { hash, number } of await tx.objectStore('contents').getAll()) {
      if (named.has(hash) || work.has(hash)) continue;
      await tx.objectStore('contents').delete(hash);
      await tx.objectStore('files').delete(chunksOf(number));
    }
  });
  await sweepChunks(session);
}

/** Who stores chunks holds their lock, so those that can be locked are nobody's. */
async function sweepChunks({ database, environment }: Session): Promise<void> {
  const numbers = await database.read(['files', 'contents'], async (tx) => {
    const [keys, contents] = await Promise.all([
      tx.objectStore('files').getAllKeys(),
      tx.objectStore('contents').getAll(),
    ]);
    const known = new Set(contents.map(({ number }) => number));
    return [...new Set(keys.map(([number]) => number))].filter((number) => !known.has(number));
  });
  for (const number of numbers) {
    await environment.locks.request(chunksLock(database, number), { ifAvailable: true }, async (lock) => {
      if (lock === null) return;
      await database.write(['files', 'contents'], async (tx) => {
        const contents = await tx.objectStore('contents').getAll();
        if (!contents.some((content) => content.number === number))
          await tx.objectStore('files').delete(chunksOf(number));
      });
    });
  }
}
