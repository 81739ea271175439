import { runLock } from '../protocol/api.ts';
import type { ReadRecord } from '../backend/backend.ts';
import { isRunId, type RecordKey } from '../protocol/record.ts';
import type { ReceiveResult } from '../protocol/receive.ts';
import { untilUnmoved } from '../store/base.ts';
import { rowsOf } from '../store/changes.ts';
import type { FailureRow, StoreName } from '../store/format.ts';
import type { StagedRow } from '../store/run-rows.ts';
import { takeNumbers } from '../store/meta.ts';
import type { StoredRecord } from '../store/packed.ts';
import type { Table } from '../store/schema.ts';
import { putBehindStaged, segmentOf, switchedHead, type Overlay } from '../store/staging.ts';
import { withLocalColumns } from './local-columns.ts';
import { emptyStaged } from './refresh.ts';
import { callFor, type Session } from './session.ts';
import { tellPending } from './state.ts';
import { findIn, supersede, supersedeScope } from './superseded.ts';

const keysInPart = 500;
const baseScope: StoreName[] = ['heads', 'roots', 'segments', 'leaves'];

function overlayOf(
  table: Table,
  copies: readonly ReadRecord[],
  known: ReadonlyMap<RecordKey, StoredRecord | null>,
): Overlay {
  const overlay: Overlay = new Map();
  for (const { key, record, version } of copies) {
    const base = known.get(key);
    if (base === undefined) continue;
    if (record === null) {
      if (base !== null) overlay.set(key, null);
    } else if (base === null || version === null || version === '' || version !== base.version) {
      const text = withLocalColumns(table, record, base?.text ?? null);
      overlay.set(key, { key, text, version: version ?? '', fields: {} });
    }
  }
  return overlay;
}

async function receivePart(session: Session, table: Table, keys: readonly RecordKey[]): Promise<ReceiveResult> {
  const { database, base, environment } = session;
  const copies = await session.backend.read(table.name, keys, await callFor(session, session.signal));
  const known = await untilUnmoved(() =>
    database.read(baseScope, async (tx) => {
      const head = await base.readHead(tx, table.name);
      const entries = keys.map(async (key) => [key, await base.readRecord(tx, head, key)] as const);
      return new Map(await Promise.all(entries));
    }),
  );
  const overlay = overlayOf(table, copies, known);
  const run = environment.newId();
  if (!isRunId(run)) throw new TypeError('newId made no usable id');
  if (overlay.size === 0) return { received: 0, removed: 0, changed: [] };
  const segment = segmentOf(overlay);
  // No head names it yet: killed here, it is swept.
  const staged = await database.write(['segments', 'meta'], async (tx): Promise<StagedRow> => {
    const id = await takeNumbers(tx, 'number', 1);
    await tx.objectStore('segments').put(segment, [table.name, id]);
    const ref = { id, records: segment.keys.length, removals: segment.removed.length };
    return { ...emptyStaged(table.name, 0), segments: [ref] };
  });
  let ended: readonly FailureRow[] = [];
  const changed = await untilUnmoved(async () => {
    const superseded = await findIn(session, staged);
    return database.write([...supersedeScope, 'runs'], async (tx) => {
      ended = await supersede(tx, session, run, [superseded]);
      const next = switchedHead(await base.readHead(tx, table.name), staged, environment.now());
      await putBehindStaged(tx, table.name, staged.segments);
      // A delta would not take away again what does not belong to a part of a table.
      await tx.objectStore('heads').put(typeof table.scope === 'object' ? { ...next, cursor: null } : next);
      const rows = await Promise.all(
        [...overlay.keys()].map(async (key) => [key, await rowsOf(tx, table.name, key)] as const),
      );
      return rows.flatMap(([key, own]) => (own.length > 0 ? [key] : []));
    });
  });
  const tables = { [table.name]: { changed: segment.keys, removed: segment.removed } };
  session.announce({ type: 'changed', source: 'server', tables });
  for (const { key, code, message } of ended)
    session.announce({ type: 'failure', table: table.name, key, code, message });
  return { received: segment.keys.length, removed: segment.removed.length, changed };
}

/**
 * Puts the server's copies of these records in place, as a download would: changes stay over them, based on the copy that
 * they were made on, so that the server sees the conflict. Under the run lock, since it writes heads.
 */
export async function receiveRecords(
  session: Session,
  table: Table,
  keys: readonly RecordKey[],
): Promise<ReceiveResult> {
  const { database, environment, signal } = session;
  const result = await environment.locks.request(runLock(database.name), { signal }, async () => {
    const parts: ReceiveResult[] = [];
    for (let start = 0; start < keys.length; start += keysInPart)
      parts.push(await receivePart(session, table, keys.slice(start, start + keysInPart)));
    return {
      received: parts.reduce((sum, part) => sum + part.received, 0),
      removed: parts.reduce((sum, part) => sum + part.removed, 0),
      changed: parts.flatMap((part) => part.changed),
    };
  });
  await tellPending(session);
  return result;
}
