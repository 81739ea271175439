import { type Base, untilUnmoved } from './base.ts';
import { releaseFollowers } from './blocked.ts';
import { rowsOf, seqsInFlight } from './changes.ts';
import { StaleReadError, type Database, type WriteTransaction } from './database.ts';
import { findMatches, type KeyQuery } from './find-keys.ts';
import type { ChangeRow, StoreName } from './format.ts';
import type { SegmentRef } from './base-rows.ts';
import { removeMarks } from './marks.ts';
import { getMeta, takeNumbers } from './meta.ts';
import { parkGroup } from './park-group.ts';
import { putBehindStaged, segmentOf } from './staging.ts';
import type { Table } from './schema.ts';
import type { ClearResult } from '../protocol/conflict.ts';
import type { RecordKey } from '../protocol/record.ts';

const keysInSegment = 4096;
const keysNamed = 1000;
const scope: StoreName[] = ['heads', 'segments', 'changes', 'commands', 'members', 'failures', 'marks', 'runs', 'meta'];

/** The failure of a change that was given up keeps its content; there is nothing left to send again. */
async function detachFailure(tx: WriteTransaction, { reason }: ChangeRow): Promise<void> {
  const failure = reason?.failure === undefined ? undefined : await tx.objectStore('failures').get(reason.failure);
  if (failure !== undefined) await tx.objectStore('failures').put({ ...failure, retriable: false, seq: null });
}

interface ClearRequest {
  readonly query: KeyQuery;
  readonly force: boolean;
  /** For the failures of what is left of a group. */
  readonly user: string;
  readonly now: () => number;
  readonly newId: () => string;
}

/**
 * Takes records away here, not on the server. Call it with the run lock held, since it writes a head. Afterwards absence
 * is not known, and the next download brings the whole table. What is staged of the table is dropped with it.
 */
export function clearRecords(
  database: Database,
  base: Base,
  table: Table,
  request: ClearRequest,
): Promise<ClearResult> {
  return untilUnmoved(async () => {
    const stamp = await database.read(['meta'], (tx) => getMeta(tx, 'changesStamp'));
    const { head, matches } = await findMatches(database, base, table, request.query);
    const changed = matches.filter((match) => match.detail !== 'clean');
    // What is held may be in flight as well (K-12).
    const sent = await database.read(['changes', 'members'], async (tx) => {
      const inFlight = [...(await seqsInFlight(tx))];
      const rows = await Promise.all(inFlight.map((seq) => tx.objectStore('changes').index('seq').get(seq)));
      return new Set(rows.flatMap((row) => (row?.table === table.name ? [row.key] : [])));
    });
    const given = request.force ? changed.filter(({ key }) => !sent.has(key)) : [];
    const kept = new Set(changed.filter((match) => !given.includes(match)).map((match) => match.key));
    const keys = matches.map((match) => match.key).filter((key) => !kept.has(key));
    if (keys.length > 0) {
      await database.write(scope, async (tx) => {
        const [since, read] = await Promise.all([getMeta(tx, 'changesStamp'), base.readHead(tx, table.name)]);
        if (since !== stamp) throw new StaleReadError(`the changes of ${table.name} moved`);
        let next = read;
        if (next.generation !== head.generation) throw new StaleReadError(`${table.name} moved`);
        const rows = (await Promise.all(given.map(({ key }) => rowsOf(tx, table.name, key)))).flat();
        for (const row of rows) {
          await tx.objectStore('changes').delete([table.name, row.key, row.seq]);
          await detachFailure(tx, row);
        }
        await releaseFollowers(tx, rows);
        const { user, now, newId } = request;
        const device = (await getMeta(tx, 'device')) ?? '';
        for (const { group } of rows) {
          if (group !== undefined) await parkGroup(tx, group, { user, device, at: now(), newId });
        }
        const dropped: RecordKey[] = given.map((match) => match.key);
        next = await removeMarks(tx, next, 'send', dropped);
        next = await removeMarks(tx, next, 'hold', dropped);
        const refs: SegmentRef[] = [];
        for (let start = 0; start < keys.length; start += keysInSegment) {
          const segment = segmentOf(new Map(keys.slice(start, start + keysInSegment).map((key) => [key, null])));
          const id = await takeNumbers(tx, 'number', 1);
          await tx.objectStore('segments').put(segment, [table.name, id]);
          refs.push({ id, records: 0, removals: segment.removed.length });
        }
        await putBehindStaged(tx, table.name, refs);
        await tx.objectStore('heads').put({
          ...next,
          generation: next.generation + 1,
          segments: [...next.segments, ...refs],
          ...{ cursor: null, complete: false, whole: false, expectedCount: null },
        });
      });
    }
    return { cleared: keys.length, refused: [...kept].slice(0, keysNamed) };
  });
}
