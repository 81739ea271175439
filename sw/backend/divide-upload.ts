import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isMutationId, type Json, type MutationId } from '../protocol/record.ts';
import { parseStored } from '../store/rebase.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { UploadReply } from './backend.ts';

/** So many changes that it fails at, with nothing taken in between, are the server's own fault. */
const mostGivenUp = 3;

/** What a worker knows of the server. */
export interface Bearing {
  /** Characters from which on it takes nothing. Made less by what it refuses. */
  characters: number;
  /** Changes on which it failed by themselves, since it took something. */
  readonly givenUp: Set<MutationId>;
}

export interface DividedUpload {
  readonly send: (body: string) => Promise<UploadReply>;
  /** Whether the server has failed at this body before. */
  readonly failedBefore: boolean;
  readonly bearing: Bearing;
}

function idOf(change: Json): MutationId {
  const id = isJsonObject(change) ? change['mutationId'] : null;
  if (!isMutationId(id)) throw new TypeError('A stored change has no mutation id.');
  return id;
}

/** What is told of changes that are refused as one. Those that the server failed at it may have taken: they keep their ids. */
function refusal(changes: readonly Json[], isTooLarge: boolean): UploadReply {
  const ids = changes.map(idOf);
  const outcomes = ids.map((mutationId): Outcome => {
    if (!isTooLarge) return { type: 'later', mutationId, message: 'The server failed at it.' };
    const [because] = ids;
    return because === undefined || because === mutationId
      ? { type: 'rejected', mutationId, code: 'too-large', message: 'It is larger than the server takes.' }
      : { type: 'undone', mutationId, because };
  });
  return { outcomes, serverEpoch: null, fault: null, bytesSent: 0, bytesReceived: 0 };
}

/** Whether a part of what was refused so may be taken: it was too large, or the server failed at it by itself, and not for the first time. */
function isForOne({ details: { status, retryAfterMs } }: SyncError, failedBefore: boolean): boolean {
  return status === 413 || (status === 500 && retryAfterMs === undefined && failedBefore);
}

/**
 * Sends a batch, or the first part of it that is not too large for the server and does not make it fail again and again: one change must
 * not keep the others back (SPEC T-6). The rest is to be sent next, under the keys that the answer gave. Safe, as the server knows each
 * change by its own id. What makes it fail by itself is answered `later`, what is too large by itself `rejected`; a group is one.
 */
export async function sendDivided(body: string, { send, failedBefore, bearing }: DividedUpload): Promise<UploadReply> {
  let wasSent = false;
  const attempt = async (text: string): Promise<UploadReply | SyncError> => {
    try {
      const reply = await send(text);
      bearing.givenUp.clear();
      return reply;
    } catch (error) {
      if (!(error instanceof SyncError) || !isForOne(error, failedBefore)) throw error;
      if (error.details['status'] === 413) bearing.characters = Math.min(bearing.characters, text.length);
      else wasSent = true;
      return error;
    }
  };
  const whole = body.length < bearing.characters ? await attempt(body) : null;
  if (whole !== null && !(whole instanceof SyncError)) return whole;
  const { changes: all, ...frame } = parseStored(body);
  if (!Array.isArray(all)) throw new TypeError('A stored batch has no changes.');
  for (let part = all; ; part = part.slice(0, Math.ceil(part.length / 2))) {
    const text = JSON.stringify({ ...frame, changes: part });
    const isOne = part.length <= 1 || frame['group'] !== undefined;
    const isRefused = part === all && whole !== null;
    if (!isOne && (isRefused || text.length >= bearing.characters)) continue;
    const reply = isRefused ? whole : await attempt(text);
    if (!(reply instanceof SyncError)) return { ...reply, isPart: part.length < all.length, wasSent };
    if (!isOne) continue;
    const isTooLarge = reply.details['status'] === 413;
    const told = refusal(part, isTooLarge);
    const [first] = told.outcomes;
    if (!isTooLarge && first !== undefined) bearing.givenUp.add(first.mutationId);
    const gaveUp = bearing.givenUp.size > mostGivenUp;
    if (gaveUp) bearing.givenUp.clear();
    return { ...told, isPart: part.length < all.length, gaveUp, wasSent };
  }
}
