import { SyncError } from '../protocol/errors.ts';
import type { UnsentCounts } from '../protocol/unsent.ts';
import type { StoreName } from '../store/format.ts';
import { forgetImported } from '../store/imported.ts';
import { remarked } from '../store/marks.ts';
import { readSeqState, setMeta } from '../store/meta.ts';
import { countLocalRows } from '../store/local-rows.ts';
import { countUnsent } from '../store/unsent.ts';
import { callFor } from './session.ts';
import type { OpenSession, Sessions } from './sessions.ts';

const fenceMs = 5_000;
const unsentStores: StoreName[] = [
  'changes',
  'commands',
  'members',
  'batches',
  'marks',
  'drafts',
  'failures',
  'requests',
  'runs',
];

export interface SignOutChoice {
  readonly unsent: 'upload' | 'keep' | 'discard';
  readonly data: 'keep' | 'remove';
}

/**
 * What is on its way may still arrive at the server: each mutation id is fenced there, so that a request that was delayed is
 * refused. Where the server cannot be asked, it is given up here all the same; the user wanted it gone.
 */
async function fence(session: OpenSession): Promise<void> {
  const batches = await session.database.read(['batches'], (tx) => tx.objectStore('batches').getAll());
  const ids = batches.flatMap((batch) => batch.items.map((item) => item.mutationId));
  if (ids.length === 0) return;
  try {
    await session.backend.settle(ids, true, await callFor(session, AbortSignal.timeout(fenceMs)));
  } catch {
    // Said above.
  }
}

function discardAll(session: OpenSession): Promise<void> {
  return session.database.write([...unsentStores, 'imported', 'heads', 'meta'], async (tx) => {
    const heads = tx.objectStore('heads');
    const [marked, { last }] = await Promise.all([heads.getAll(), readSeqState(tx)]);
    await Promise.all([
      ...unsentStores.map((name) => tx.objectStore(name).clear()),
      forgetImported(tx),
      setMeta(tx, 'seqWrites', { seq: last, requests: [] }),
      ...marked.map((head) => heads.put(remarked(head, { send: 0, hold: 0 }))),
    ]);
  });
}

function whatIsLeft(counts: UnsentCounts): string {
  const parts = [
    [counts.changes, 'change'],
    [counts.commands, 'command'],
    [counts.held, 'held change'],
    [counts.drafts, 'draft'],
    [counts.failures, 'failure'],
  ] as const;
  return parts.flatMap(([count, name]) => (count > 0 ? [`${count} ${name}${count === 1 ? '' : 's'}`] : [])).join(', ');
}

async function refuseToLose(session: OpenSession, { unsent, data }: SignOutChoice): Promise<void> {
  const [counts, local] = await session.database.read(['changes', 'commands', 'drafts', 'failures', 'heads'], (tx) =>
    Promise.all([countUnsent(tx), countLocalRows(tx, session.schema)]),
  );
  const left = counts.changes - local + counts.commands;
  const blocks = data === 'remove' ? counts.total > 0 : unsent === 'upload' && left > 0;
  if (!blocks) return;
  throw new SyncError(
    'unsent',
    `Not everything of ${session.user} is on the server: ${whatIsLeft(counts)}. Nothing was removed, and nobody was signed out. Mend it and upload again, export it, or choose keep or discard.`,
    { details: { ...counts } },
  );
}

/**
 * Ends the sign-in of a session. Rejects, with everything as it was, if what was to be uploaded could not be (the run's own
 * error, or `unsent`), if removing the database would lose what is unsent, or if somebody has signed in meanwhile (`user-changed`).
 * Killed anywhere, it has happened or it has not; a database noted for removal is removed before it is next opened.
 */
export async function signOut(
  sessions: Sessions,
  session: OpenSession,
  options: { readonly choice: SignOutChoice; readonly since: number; readonly call: string },
): Promise<void> {
  const { choice, since, call } = options;
  if (choice.unsent === 'upload') {
    await session.engine.synchronize(call, { mode: 'unsynchronized', onBusy: 'queue' });
  }
  await sessions.leave(session, {
    since,
    wipe: choice.data === 'remove',
    before: async (last) => {
      if (choice.unsent !== 'discard') return refuseToLose(last, choice);
      await fence(last);
      // A database that goes as a whole need not be emptied first.
      if (choice.data === 'keep') await discardAll(last);
    },
  });
}
