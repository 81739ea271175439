import type { AnyTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow } from '../store/format.ts';
import { leastSeq } from '../store/changes.ts';
import type { JournalRow } from '../store/run-rows.ts';
import { rowsMadeIn } from './batch-rows.ts';

/** The rows that a batch is chosen from, in the order in which they were made. */
export interface Stretch {
  readonly rows: readonly ChangeRow[];
  readonly commands: readonly CommandRow[];
  /** All up to this `seq` was looked at. */
  readonly through: number;
  /** Of what is to be sent again: what was not read yet. */
  readonly unread: readonly number[];
}

export interface StretchLimits {
  readonly rows: number;
  /** Of the rows' texts: little more than this is read. */
  readonly characters: number;
}

/** How many rows are read before their sizes are known, and at most at once. */
const firstRows = 4;
const rowsAtOnce = 128;

function sizeOf({ text, base, server }: ChangeRow): number {
  return (text?.length ?? 0) + (base?.text.length ?? 0) + (server?.text?.length ?? 0);
}

/** Reads rows until there are enough of them. `read` gives as many as it is asked for, or all that are left. */
async function readEnough(
  { rows: limit, characters }: StretchLimits,
  read: (count: number) => Promise<{ readonly rows: readonly ChangeRow[]; readonly isEnd: boolean }>,
): Promise<{ readonly rows: readonly ChangeRow[]; readonly isEnd: boolean }> {
  const rows: ChangeRow[] = [];
  let left = characters;
  let largest = characters / firstRows;
  for (;;) {
    // Rows of a size that was seen before would not pass the limit by more than one.
    const count = Math.min(rowsAtOnce, Math.max(1, Math.floor(left / largest)), limit - rows.length);
    const part = await read(count);
    const sizes = part.rows.map(sizeOf);
    largest = Math.max(rows.length === 0 ? 1 : largest, ...sizes);
    left -= sizes.reduce((sum, size) => sum + size, 0);
    rows.push(...part.rows);
    if (part.isEnd || rows.length >= limit || left <= 0) return { rows, isEnd: part.isEnd };
  }
}

/** What is to be sent again first, in the order in which it was made. */
async function readResend(tx: AnyTransaction, journal: JournalRow, limits: StretchLimits): Promise<Stretch> {
  const seqs = [...new Set(journal.resend)].sort((a, b) => a - b);
  const commands: CommandRow[] = [];
  let taken = 0;
  const { rows } = await readEnough(limits, async (count) => {
    const part = seqs.slice(taken, taken + count);
    taken += part.length;
    const [changes, sent] = await Promise.all([
      Promise.all(part.map((seq) => tx.objectStore('changes').index('seq').get(seq))),
      Promise.all(part.map((seq) => tx.objectStore('commands').get(seq))),
    ]);
    commands.push(...sent.filter((row) => row !== undefined));
    return { rows: changes.filter((row) => row !== undefined), isEnd: taken >= seqs.length };
  });
  return { rows, commands, through: journal.uploadedThrough, unread: seqs.slice(taken) };
}

/**
 * Where the index is worth looking at. From its beginning, it would be read with all that rows which are gone have left in it (see
 * `sweepSeqs`), though it be for a few.
 */
async function firstLook(tx: AnyTransaction, { uploadedThrough, throughSeq }: JournalRow): Promise<number> {
  if (uploadedThrough > 0) return uploadedThrough;
  return Math.min((await leastSeq(tx)) - 1, throughSeq);
}

/** What the run looks at next; empty where nothing is left. */
export async function nextStretch(tx: AnyTransaction, journal: JournalRow, limits: StretchLimits): Promise<Stretch> {
  const { uploadedThrough, throughSeq, resend } = journal;
  if (resend.length > 0) return readResend(tx, journal, limits);
  const unread: readonly number[] = [];
  if (uploadedThrough >= throughSeq) return { rows: [], commands: [], through: throughSeq, unread };
  const range = IDBKeyRange.bound(uploadedThrough, throughSeq, true, false);
  const readRows = async (): ReturnType<typeof readEnough> => {
    const first = await firstLook(tx, journal);
    if (first >= throughSeq) return { rows: [], isEnd: true };
    const found = await rowsMadeIn(tx, IDBKeyRange.bound(first, throughSeq, true, false), limits.rows);
    let taken = 0;
    return readEnough(limits, async (count) => {
      const rows = await found.read(taken, count);
      taken += rows.length;
      return { rows, isEnd: taken >= found.count && found.count < limits.rows };
    });
  };
  const [{ rows, isEnd }, commands] = await Promise.all([
    readRows(),
    tx.objectStore('commands').getAll(range, limits.rows),
  ]);
  // What lies behind a full page is for the next one.
  const rowsEnd = isEnd ? throughSeq : (rows.at(-1)?.seq ?? throughSeq);
  const commandsEnd = commands.length === limits.rows ? (commands.at(-1)?.seq ?? throughSeq) : throughSeq;
  const through = Math.min(rowsEnd, commandsEnd);
  return {
    rows: rows.filter((row) => row.seq <= through),
    commands: commands.filter((command) => command.seq <= through),
    through,
    unread,
  };
}
