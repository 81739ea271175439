import { SyncError } from '../protocol/errors.ts';

/**
 * How often changes were sent by this worker so that the server may have taken them: 0, in a batch and not sent yet. One that is not
 * here may have been sent by a worker before. An id goes when its outcome is known.
 */
export type Sends = Map<string, number>;

export function noteEncoded(sends: Sends, changes: readonly string[], sentBefore: ReadonlySet<string>): void {
  for (const change of changes) {
    const id = /^\{"type":"\w+","mutationId":"([^"]+)"/.exec(change)?.[1];
    if (id !== undefined && !sends.has(id) && !sentBefore.has(id)) sends.set(id, 0);
  }
}

/** Whether the server said that it did not take what it was sent. A 408 or 503 may be a proxy's, which had sent it on. */
function isUntaken(error: unknown): boolean {
  return error instanceof SyncError && [401, 425, 429].includes(Number(error.details['status']));
}

/** Counts a sending, unless the server says that it did not take it. */
export async function counted<Answer>(sends: Sends, id: string, sending: () => Promise<Answer>): Promise<Answer> {
  const before = sends.get(id) ?? 1;
  sends.set(id, before + 1);
  try {
    return await sending();
  } catch (error) {
    if (isUntaken(error)) sends.set(id, before);
    throw error;
  }
}
