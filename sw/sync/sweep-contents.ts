import { chunksLock, chunksOf } from '../store/contents.ts';
import type { WriteTransaction } from '../store/database.ts';
import { fileIn } from '../store/file-field.ts';
import type { StoreName } from '../store/format.ts';
import { keyOfChange } from '../store/changes.ts';
import { everything, readInParts } from '../store/in-parts.ts';
import { scanBase } from '../store/scan.ts';
import { isFileReference } from '../protocol/file.ts';
import { isJsonObject } from '../protocol/record.ts';
import type { Session } from './session.ts';

const sweepScope: StoreName[] = ['heads', 'changes', 'drafts', 'failures', 'contents', 'files', 'sentContents', 'runs'];

/**
 * The hashes that unsent work names: changes, what they were made on, drafts, and failures with their content; of every table and
 * field, since it may be of an older schema.
 */
async function namedByWork(tx: WriteTransaction): Promise<Set<string>> {
  const named = new Set<string>();
  const addOf = (record: unknown): void => {
    if (!isJsonObject(record)) return;
    for (const value of Object.values(record)) if (isFileReference(value)) named.add(value.hash);
  };
  const addText = (text: string | null | undefined): void => {
    if (text?.includes('"hash"') === true) addOf(JSON.parse(text));
  };
  const changes = await readInParts(tx.objectStore('changes'), everything(), keyOfChange);
  for (const row of [...changes, ...(await tx.objectStore('drafts').getAll())]) {
    addText(row.text);
    addText(row.base?.text);
    addText(row.server?.text);
  }
  for (const failure of await tx.objectStore('failures').getAll()) {
    addOf(failure.content);
    addOf(failure.base);
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
    const work = await namedByWork(tx);
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
