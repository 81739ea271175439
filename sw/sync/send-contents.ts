import type { FileOfRecord } from '../backend/backend.ts';
import { SyncError } from '../protocol/errors.ts';
import { rowsOf, seqsInFlight, withState } from '../store/changes.ts';
import { findContent, readChunk } from '../store/contents.ts';
import { getMeta } from '../store/meta.ts';
import { deleteRows } from './batch-rows.ts';
import { sentId, type ContentToSend } from './contents-to-send.ts';
import { failureRow } from './failure-row.ts';
import { newMutationId } from './new-mutation-id.ts';
import { report } from './progress.ts';
import { callFor, type ActiveRun, type Session } from './session.ts';
import { joinAll } from './settle.ts';
import { addToTally } from './tally.ts';
import { isSliceOver, SliceOverError, tryTwice } from './transfer-fault.ts';

/** The server said that it has these: the records that name them may follow. */
async function confirm(active: ActiveRun, files: readonly FileOfRecord[]): Promise<void> {
  if (files.length === 0) return;
  const { run } = active.journal;
  await active.session.database.write(['sentContents'], async (tx) => {
    await Promise.all(files.map((file) => tx.objectStore('sentContents').put({ hash: sentId(file), run })));
  });
}

/** One change alone is parked, with its content kept; the others go on. */
async function park(active: ActiveRun, content: ContentToSend, error: SyncError): Promise<void> {
  const { session } = active;
  const code = error.code === 'too-large' || error.details['status'] === 413 ? 'too-large' : 'file';
  const message = `Its file could not be sent: ${error.message}`;
  const parked = await session.database.write(['changes', 'members', 'failures', 'runs', 'meta'], async (tx) => {
    const [rows, inFlight, device] = await Promise.all([
      rowsOf(tx, content.table, content.key),
      seqsInFlight(tx),
      getMeta(tx, 'device'),
    ]);
    const row = rows.find(({ seq }) => seq === content.seq);
    // An edit made meanwhile may name another content.
    if (row?.mutationId !== content.mutationId || inFlight.has(row.seq)) return null;
    const above = rows.filter(({ seq }) => seq > row.seq);
    if (above.length > 0 && [row, ...above].every(({ group }) => group === undefined)) {
      // The user has gone on: it may be another file by now.
      const rest = joinAll(row, above, () => newMutationId(session));
      await deleteRows(tx, [row, ...above]);
      if (rest !== null) await tx.objectStore('changes').put(rest);
      return null;
    }
    const refused = { row, code, message, fields: null, retriable: true } as const;
    const failure = failureRow(session, active.journal, device ?? '', refused);
    const counted = { ...active.journal, failed: active.journal.failed + 1 };
    const journal = addToTally(counted, content.table, { failed: 1, failedKeys: [content.key] });
    await Promise.all([
      tx.objectStore('changes').put(withState(row, 'rejected', { code, message, failure: failure.id })),
      tx.objectStore('failures').put(failure),
      tx.objectStore('runs').put(journal),
    ]);
    return journal;
  });
  if (parked === null) return;
  active.journal = parked;
  session.announce({ type: 'failure', table: content.table, key: content.key, code, message });
}

async function isWanted({ database }: Session, content: ContentToSend): Promise<boolean> {
  const rows = await database.read(['changes'], (tx) => rowsOf(tx, content.table, content.key));
  return rows.some(({ seq, mutationId }) => seq === content.seq && mutationId === content.mutationId);
}

/** One transfer, from where the server is. */
async function sendOne(active: ActiveRun, file: FileOfRecord, tell: (bytes: number) => void): Promise<void> {
  const { session } = active;
  const { files } = session.backend;
  const call = await callFor(session, active.signal);
  const [from = 0] = await files.received([file], call);
  if (from === file.size && file.size > 0) return;
  const content = await findContent(session.database, file.hash);
  if (content === null) throw new SyncError('not-held', 'The file is neither on this device nor on the server.');
  let before = from;
  await files.send(
    file,
    { chunk: (index) => readChunk(session.database, content, index) },
    {
      from,
      call,
      onSent: (bytes) => {
        tell(Math.max(0, bytes - before));
        before = bytes;
        if (bytes < file.size && isSliceOver(active)) throw new SliceOverError();
      },
    },
  );
}

/**
 * Sends contents, each by itself, before the records that name them. Asks first what the server has, and goes on
 * where it is (a transfer that was broken off, by whatever it was). When it settles each is on the server or its change is
 * parked, or the slice is over.
 */
export async function sendContents(active: ActiveRun, wanted: readonly ContentToSend[]): Promise<void> {
  const { session } = active;
  const received = await session.backend.files.received(wanted, await callFor(session, active.signal));
  const there = wanted.filter(({ size }, index) => size > 0 && received[index] === size);
  await confirm(active, there);
  const missing = wanted.filter((content) => !there.includes(content));
  // Each batch has files of its own; the phase counts those of all (S-14).
  let done = (active.journal.filesDone ?? 0) + there.length;
  const total = done + missing.length;
  active.journal = { ...active.journal, filesDone: done };
  const tell = (table: string, bytes: number): void => {
    active.journal = { ...active.journal, bytesSent: active.journal.bytesSent + bytes, filesDone: done };
    report(active, { phase: 'files', table, done, total });
  };
  for (const content of missing) {
    if (isSliceOver(active)) return;
    // Deleted, or given another file meanwhile: nobody wants this one.
    if (!(await isWanted(session, content))) continue;
    tell(content.table, 0);
    try {
      const error = await tryTwice(active, () => sendOne(active, content, (bytes) => tell(content.table, bytes)));
      if (error === null) await confirm(active, [content]);
      else await park(active, content, error);
    } catch (error) {
      if (error instanceof SliceOverError) return;
      throw error;
    }
    done += 1;
    tell(content.table, 0);
  }
}
