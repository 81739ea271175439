import { withCommandState, withState } from './changes.ts';
import type { WriteTransaction } from './database.ts';
import type { ChangeRow } from './format.ts';
import type { RecordKey } from '../protocol/record.ts';

export interface RecordRef {
  readonly table: string;
  readonly key: RecordKey;
}

/** Why a change or a command waits (U-07): `references` names what it waits for. */
export function waitingFor(blocker: RecordRef): NonNullable<ChangeRow['reason']> {
  const message = `It waits for ${blocker.table} ${String(blocker.key)}, which the server did not take yet.`;
  return { code: 'blocked', message, references: { table: blocker.table, key: blocker.key } };
}

/** The same where it is the server's word: what the row refers to itself may not be declared. */
export function waitingAsAnswered(blocker: RecordRef): NonNullable<ChangeRow['reason']> {
  return { ...waitingFor(blocker), answered: true };
}

/** What the server said that the row waits for. */
export function answeredBlocker({ state, reason }: Pick<ChangeRow, 'state' | 'reason'>): readonly RecordRef[] {
  return state === 'blocked' && reason?.answered === true && reason.references !== undefined ? [reason.references] : [];
}

/** How many rows that wait for others are read rather than asking for each record. */
const fewWaiting = 64;

/** What waits for one of the records, by an index of what waits: bounded by the records, however much waits for others. */
async function waitingOf<Row extends { readonly reason?: NonNullable<ChangeRow['reason']> }>(
  index: {
    count(): Promise<number>;
    getAll(query?: IDBKeyRange): Promise<Row[]>;
  },
  blockers: readonly RecordRef[],
): Promise<Row[]> {
  const count = await index.count();
  if (count === 0) return [];
  if (count > fewWaiting + blockers.length) {
    const lists = await Promise.all(blockers.map(({ table, key }) => index.getAll(IDBKeyRange.only([table, key]))));
    return lists.flat();
  }
  const ids = new Set(blockers.map(idOf));
  return (await index.getAll()).filter(
    ({ reason }) => reason?.references !== undefined && ids.has(idOf(reason.references)),
  );
}

export function idOf({ table, key }: RecordRef): string {
  return JSON.stringify([table, key]);
}

/**
 * Makes pending again what waited for one of these records, because it was taken, edited, or given up. The transaction's
 * scope must hold `changes` and `commands`. Gives the seqs of what was released.
 */
export async function releaseFollowers(tx: WriteTransaction, blockers: readonly RecordRef[]): Promise<number[]> {
  if (blockers.length === 0) return [];
  const changes = tx.objectStore('changes');
  const commands = tx.objectStore('commands');
  const [rows, waiting] = await Promise.all([
    waitingOf(changes.index('waitsFor'), blockers),
    waitingOf(commands.index('waitsFor'), blockers),
  ]);
  await Promise.all([
    ...rows.map((row) => changes.put(withState(row, 'pending'))),
    ...waiting.map((row) => commands.put(withCommandState(row, 'pending'))),
  ]);
  return [...rows, ...waiting].map((row) => row.seq);
}
