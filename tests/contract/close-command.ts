import { randomUUID } from 'node:crypto';
import { isMutationId, type Json, type MutationId, type RecordKey } from '../../sw/protocol/record.ts';
import { writeCommand } from '../../sw/store/command-write.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';

export function newMutationId(): MutationId {
  const id = randomUUID();
  if (!isMutationId(id)) throw new Error('not an id');
  return id;
}

interface CommandNames {
  readonly body?: Json;
  /** The visits that it names. @default none */
  readonly visits?: readonly RecordKey[];
  /** Whether it seals every change before it, or those of the records that it names. @default true */
  readonly sealsAll?: boolean;
}

/** Stores the command that closes a visit, as a page's request does. */
export async function storeClose(
  session: OpenSession,
  visitId: string,
  { body = {}, visits = [], sealsAll = true }: CommandNames = {},
): Promise<void> {
  const hash = randomUUID();
  const identity = { hash, explicit: false, bodyHash: hash, dispatch: randomUUID(), incarnation: 'one' };
  const names = visits.map((key) => ({ table: 'visits', key }));
  const command = { mutationId: newMutationId(), method: 'POST', path: `/api/visits/${visitId}/close`, body, names };
  await writeCommand(session.database, { ...command, state: 'pending', attempts: 0, madeAt: 1 }, identity, {
    schema: session.schema,
    sealsAll,
  });
}
