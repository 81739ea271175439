import type { MetaName, MetaRow, MetaValues } from './format.ts';
import type { AnyTransaction, WriteTransaction } from './database.ts';

/** Reads a single value; undefined if it was never set. The transaction's scope must hold `meta`. */
export async function getMeta<Name extends MetaName>(
  tx: AnyTransaction,
  name: Name,
): Promise<MetaValues[Name] | undefined> {
  const row: MetaRow | undefined = await tx.objectStore('meta').get(name);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a row's name and value are written together, by `setMeta`
  return row?.value as MetaValues[Name] | undefined;
}

export async function setMeta<Name extends MetaName>(
  tx: WriteTransaction,
  name: Name,
  value: MetaValues[Name],
): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- name and value are of one pair by the signature
  await tx.objectStore('meta').put({ name, value } as MetaRow);
}

export async function deleteMeta(tx: WriteTransaction, name: MetaName): Promise<void> {
  await tx.objectStore('meta').delete(name);
}

/** Takes the next `count` values of a counter, within the caller's transaction; returns the first of them. */
export async function takeNumbers(tx: WriteTransaction, counter: 'seq' | 'number', count: number): Promise<number> {
  const last = (await getMeta(tx, counter)) ?? 0;
  await setMeta(tx, counter, last + count);
  return last + 1;
}
