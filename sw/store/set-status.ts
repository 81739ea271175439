import type { Base } from './base.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import { StaleReadError, type Database, type Reader, type WriteTransaction } from './database.ts';
import { findMatches, type KeyQuery, type Match } from './find-keys.ts';
import type { HeadRow, StoreName } from './format.ts';
import { checkUnmoved } from './hits.ts';
import { listScope } from './list.ts';
import { packMarks, removeMarks, readMarks, without, writeMarks, type MarkKind, type PackedMarks } from './marks.ts';
import { getMeta } from './meta.ts';
import type { Table } from './schema.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import type { SyncStatus } from '../protocol/status.ts';

const attemptsInSlices = 3;

/** Sorted keys and others, sorted too, without repeats. */
function united(keys: readonly RecordKey[], others: readonly RecordKey[]): RecordKey[] {
  const all: RecordKey[] = [];
  let [left, right] = [0, 0];
  for (;;) {
    const [a, b] = [keys[left], others[right]];
    if (a === undefined && b === undefined) return all;
    const order = a === undefined ? 1 : b === undefined ? -1 : compareKeys(a, b);
    const next = order <= 0 ? a : b;
    if (next !== undefined) all.push(next);
    if (order <= 0) left += 1;
    if (order >= 0) right += 1;
  }
}

export interface StatusSet {
  /** How many records match. */
  readonly count: number;
  readonly warnings: readonly string[];
}

/** What a status set by hand comes to, all of it computed before the transaction that stores it. */
interface StatusPlan {
  readonly head: HeadRow;
  /** The stamp under which the changes were read. */
  readonly stamp: string | undefined;
  readonly set: StatusSet;
  readonly marks: { readonly [Kind in MarkKind]?: PackedMarks };
  /** Records whose delete is dropped. */
  readonly undeleted: readonly RecordKey[];
}

export interface StatusChange {
  readonly status: SyncStatus;
  readonly query: KeyQuery;
}

function keysOf(matches: readonly Match[], wanted: (match: Match) => boolean): RecordKey[] {
  return matches.filter(wanted).map((match) => match.key);
}

/** The marks that are to be stored: of the kinds that are not what they were. */
function repacked(head: HeadRow, marks: { readonly [Kind in MarkKind]: readonly RecordKey[] }): StatusPlan['marks'] {
  const packed: { [Kind in MarkKind]?: PackedMarks } = {};
  // Keys are only added or only taken off: the same number means the same keys.
  if (marks.send.length !== head.sendMarks) packed.send = packMarks('send', marks.send);
  if (marks.hold.length !== head.holdMarks) packed.hold = packMarks('hold', marks.hold);
  return packed;
}

async function plan(reader: Reader, base: Base, table: Table, { status, query }: StatusChange): Promise<StatusPlan> {
  const stamp = await reader.read(['meta'], (tx) => getMeta(tx, 'changesStamp'));
  const { head, matches, warnings } = await findMatches(reader, base, table, query);
  const [send, hold] = await reader.read(['heads', 'marks'], async (tx) => {
    await checkUnmoved(tx, base, head);
    return Promise.all([readMarks(tx, base, head, 'send'), readMarks(tx, base, head, 'hold')]);
  });
  const made = { head, stamp, set: { count: matches.length, warnings } };
  const all = matches.map((match) => match.key);
  if (status === 'not-synchronized') {
    const clean = keysOf(matches, ({ detail }) => detail === 'clean');
    const marks = repacked(head, { send: united(send, clean), hold: without(hold, all) });
    return { ...made, marks, undeleted: [] };
  }
  const undeleted = keysOf(matches, (match) => match.isDeleted && match.detail !== 'in-flight');
  // A mark is taken off below; a dropped delete leaves nothing to hold.
  const none = new Set([...send, ...undeleted]);
  const held = keysOf(matches, ({ key, detail }) => detail !== 'clean' && !none.has(key));
  const marks = repacked(head, { send: without(send, all), hold: united(hold, held) });
  return { ...made, marks, undeleted };
}

/** Takes the delete off a record that the server still has; a version of it that is in flight stays what it is. */
async function dropDeletes(tx: WriteTransaction, table: string, keys: readonly RecordKey[]): Promise<void> {
  if (keys.length === 0) return;
  const inFlight = await seqsInFlight(tx);
  const lists = await Promise.all(keys.map((key) => rowsOf(tx, table, key)));
  await Promise.all(
    lists.map(async (rows) => {
      const last = rows.at(-1);
      if (last === undefined || last.operation !== 'delete' || inFlight.has(last.seq)) return;
      await tx.objectStore('changes').delete([table, last.key, last.seq]);
    }),
  );
}

async function checkPlan(tx: WriteTransaction, base: Base, { head, stamp }: StatusPlan): Promise<void> {
  const [now] = await Promise.all([getMeta(tx, 'changesStamp'), checkUnmoved(tx, base, head)]);
  if (now !== stamp) throw new StaleReadError(`the changes of ${head.table} moved`);
}

async function store(tx: WriteTransaction, { head, set, marks, undeleted }: StatusPlan): Promise<StatusSet> {
  const marked = marks.send === undefined && marks.hold === undefined ? head : await writeMarks(tx, head, marks);
  await removeMarks(tx, marked, 'hold', undeleted);
  await dropDeletes(tx, head.table, undeleted);
  return set;
}

function isNothing({ marks, undeleted }: StatusPlan): boolean {
  return marks.send === undefined && marks.hold === undefined && undeleted.length === 0;
}

/**
 * Sets the sync status of every record that matches, in one transaction and without network (K-02 to K-04, K-11). A clean
 * record set *not synchronized* is sent whole by the next run; a changed one set *synchronized* is held back, its value
 * kept; a deleted one is there again. Resolves to how many records match, when it is on disk. Repeating it
 * changes nothing.
 *
 * What matches is found in slices and stored only if neither base, marks nor changes have moved since. Where they go on
 * moving, it is found in the transaction that stores it.
 */
export async function setStatus(
  database: Database,
  base: Base,
  table: Table,
  change: StatusChange,
): Promise<StatusSet> {
  for (let attempt = 0; attempt < attemptsInSlices; attempt += 1) {
    try {
      const made = await plan(database, base, table, change);
      if (isNothing(made)) return made.set;
      const scope: StoreName[] = ['heads', 'marks', 'meta'];
      return await database.write(made.undeleted.length > 0 ? [...scope, 'changes', 'members'] : scope, async (tx) => {
        await checkPlan(tx, base, made);
        return store(tx, made);
      });
    } catch (error) {
      if (!(error instanceof StaleReadError)) throw error;
    }
  }
  return database.write([...listScope, 'meta'], async (tx) => {
    const made = await plan({ read: (_stores, work) => work(tx) }, base, table, change);
    return isNothing(made) ? made.set : store(tx, made);
  });
}
