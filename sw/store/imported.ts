import type { WriteTransaction } from './database.ts';
import type { BatchItem } from './format.ts';
import { getMeta } from './meta.ts';

/** In the place of a time: the server took it, and a sign-out that throws away what is unsent leaves that known. */
const taken = 0;

/**
 * Remembers of what a file of unsent work may hold that the server took it: not every server knows a repeat (SPEC I-2).
 * Scope: imported, meta.
 */
export async function noteTaken(tx: WriteTransaction, items: readonly BatchItem[]): Promise<void> {
  const through = (await getMeta(tx, 'exportedThrough')) ?? 0;
  const exported = items.filter(({ seq }) => seq <= through);
  await Promise.all(exported.map(({ mutationId }) => tx.objectStore('imported').put(taken, mutationId)));
}

/** Forgets what came in with files and may be wanted back. */
export async function forgetImported(tx: WriteTransaction): Promise<void> {
  const store = tx.objectStore('imported');
  const [ids, times] = await Promise.all([store.getAllKeys(), store.getAll()]);
  await Promise.all(ids.filter((_id, index) => times[index] !== taken).map((id) => store.delete(id)));
}
