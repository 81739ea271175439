import type { Base } from './base.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import { SyncError } from '../protocol/errors.ts';
import { StaleReadError, type Database, type Reader, type WriteTransaction } from './database.ts';
import { findMatches, type KeyQuery, type Match } from './find-keys.ts';
import type { StoreName } from './format.ts';
import type { HeadRow } from './base-rows.ts';
import { checkUnmoved } from './hits.ts';
import { listScope } from './list.ts';
import { packMarks, removeMarks, readMarks, writeMarks, type MarkKind, type PackedMarks } from './marks.ts';
import { getMeta } from './meta.ts';
import { pause } from './pause.ts';
import type { Table } from './schema.ts';
import { united, without } from './sorted-keys.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { SyncStatus } from '../protocol/status.ts';

const attemptsInSlices = 3;

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

/** What a plan is made through. */
interface Planner extends Reader {
  /** Between long computations. */
  pause(): Promise<void>;
}

function keysOf(matches: readonly Match[], wanted: (match: Match) => boolean): RecordKey[] {
  const keys: RecordKey[] = [];
  for (const match of matches) if (wanted(match)) keys.push(match.key);
  return keys;
}

async function plan(from: Planner, base: Base, table: Table, { status, query }: StatusChange): Promise<StatusPlan> {
  const stamp = await from.read(['meta'], (tx) => getMeta(tx, 'changesStamp'));
  const { head, matches, warnings } = await findMatches(from, base, table, query);
  const [send, hold] = await from.read(['heads', 'marks'], async (tx) => {
    await checkUnmoved(tx, base, head);
    return [await readMarks(tx, base, head, 'send'), await readMarks(tx, base, head, 'hold')] as const;
  });
  await from.pause();
  const isToBeSent = status === 'not-synchronized';
  const all = keysOf(matches, () => true);
  const undeleted = isToBeSent ? [] : keysOf(matches, (match) => match.isDeleted && match.detail !== 'in-flight');
  await from.pause();
  const others = keysOf(matches, ({ detail }) => (detail === 'clean') === isToBeSent);
  await from.pause();
  // A mark is taken off below.
  const added = isToBeSent ? others : without(others, send);
  await from.pause();
  const sent = isToBeSent ? united(send, added) : without(send, all);
  await from.pause();
  const held = isToBeSent ? without(hold, all) : united(hold, added);
  await from.pause();
  // Keys are only added or only taken off: the same number means the same keys.
  const marks: { [Kind in MarkKind]?: PackedMarks } = {};
  if (sent.length !== head.sendMarks) marks.send = packMarks('send', sent);
  if (held.length !== head.holdMarks) marks.hold = packMarks('hold', held);
  return { head, stamp, set: { count: matches.length, warnings }, marks, undeleted };
}

/**
 * Takes the delete off records that the server still has; a version of one that is in flight stays what it is. Gives those that
 * have no change any more: the others have an edit below the delete.
 */
async function dropDeletes(
  tx: WriteTransaction,
  table: string,
  keys: readonly RecordKey[],
): Promise<readonly RecordKey[]> {
  if (keys.length === 0) return [];
  const inFlight = await seqsInFlight(tx);
  const lists = await Promise.all(keys.map((key) => rowsOf(tx, table, key)));
  const clean = await Promise.all(
    lists.map(async (rows) => {
      const last = rows.at(-1);
      if (last === undefined || last.operation !== 'delete' || inFlight.has(last.seq)) return [];
      if (last.group !== undefined) {
        throw new SyncError(
          'unsupported',
          `${table} ${String(last.key)} was deleted as a part of a group, which is sent whole or not at all. Nothing was changed; leave it out of the filter.`,
        );
      }
      await tx.objectStore('changes').delete([table, last.key, last.seq]);
      return rows.length === 1 ? [last.key] : [];
    }),
  );
  return clean.flat();
}

async function checkPlan(tx: WriteTransaction, base: Base, { head, stamp }: StatusPlan): Promise<void> {
  const [now] = await Promise.all([getMeta(tx, 'changesStamp'), checkUnmoved(tx, base, head)]);
  if (now !== stamp) throw new StaleReadError(`the changes of ${head.table} moved`);
}

async function store(tx: WriteTransaction, { head, set, marks, undeleted }: StatusPlan): Promise<StatusSet> {
  const marked = marks.send === undefined && marks.hold === undefined ? head : await writeMarks(tx, head, marks);
  // What is clean again has nothing to hold.
  await removeMarks(tx, marked, 'hold', await dropDeletes(tx, head.table, undeleted));
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
      const made = await plan({ read: (stores, work) => database.read(stores, work), pause }, base, table, change);
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
    const made = await plan({ read: (_stores, work) => work(tx), pause: () => Promise.resolve() }, base, table, change);
    return isNothing(made) ? made.set : store(tx, made);
  });
}
