import type { MetaName, MetaRow, MetaSnapshot, MetaValues } from './meta-values.ts';
import type { RequestRow } from './request-rows.ts';
import type { AnyTransaction, WriteTransaction } from './database.ts';

/** What a write looks at before it takes the next `seq`. The rows are neighbours, so that one request gets all. */
export interface SeqState {
  /** The last one given out; 0: none yet. */
  readonly last: number;
  /** Another one after each transaction that may have written heads; null: there was none. */
  readonly headsStamp: string | null;
  /** What the last guessed write left. */
  readonly requests: readonly RequestRow[];
}

export async function readSeqState(tx: AnyTransaction): Promise<SeqState> {
  return seqStateOf(await tx.objectStore('meta').getAll(IDBKeyRange.bound('seq', 'seqWrites')));
}

function seqStateOf(rows: readonly MetaRow[]): SeqState {
  let [last, headsStamp, requests]: [number, string | null, readonly RequestRow[]] = [0, null, []];
  for (const row of rows) {
    if (row.name === 'seq') last = Math.max(last, row.value);
    if (row.name === 'seqHeads') headsStamp = row.value;
    if (row.name === 'seqWrites') {
      last = Math.max(last, row.value.seq);
      ({ requests } = row.value);
    }
  }
  return { last, headsStamp, requests };
}

/** Reads a single value; undefined if it was never set. The transaction's scope must hold `meta`. */
export async function getMeta<Name extends MetaName>(
  tx: AnyTransaction,
  name: Name,
): Promise<MetaValues[Name] | undefined> {
  const row = await readRow(tx, name);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- a row's name and value are written together, by `setMeta`
  return row?.value as MetaValues[Name] | undefined;
}

/** Reads all single values in one request: they are few. `changesStamp` is without what a guessed write adds to it. */
export async function readAllMeta(tx: AnyTransaction): Promise<MetaSnapshot> {
  const rows = await tx.objectStore('meta').getAll();
  const values: MetaSnapshot = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  return { ...values, seq: seqStateOf(rows).last };
}

/** The stamp of the last transaction over changes that was no guessed write; null: there was none. */
export async function readStamp(tx: AnyTransaction): Promise<string | null> {
  const row = await tx.objectStore('meta').get('changesStamp');
  return row?.name === 'changesStamp' ? row.value : null;
}

async function readRow(tx: AnyTransaction, name: MetaName): Promise<MetaRow | undefined> {
  if (name === 'seq') return { name, value: (await readSeqState(tx)).last };
  if (name !== 'changesStamp') return tx.objectStore('meta').get(name);
  // A write that was guessed leaves no stamp: its `seq` tells as much.
  const [stamp, { last }] = await Promise.all([readStamp(tx), readSeqState(tx)]);
  return { name, value: `${stamp ?? ''} ${last}` };
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
