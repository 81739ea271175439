import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isMutationId, type Json, type MutationId } from '../protocol/record.ts';
import { parseStored } from '../store/rebase.ts';
import type { Outcome } from '../protocol/wire.ts';
import type { UploadReply } from './backend.ts';

/** More than it takes to come from a batch to the one change on which a server fails. */
const failuresInRow = 14;

export interface DividedUpload {
  readonly send: (body: string) => Promise<UploadReply>;
  /** Whether the server has failed at this body before. */
  readonly failedBefore: boolean;
  /** Characters from which on the server takes nothing, as far as is known. Made less by what it refuses. */
  readonly bound: { characters: number };
}

function idOf(change: Json): MutationId {
  const id = isJsonObject(change) ? change['mutationId'] : null;
  if (!isMutationId(id)) throw new TypeError('A stored change has no mutation id.');
  return id;
}

/** What is told of changes that are refused as one. */
function refusal(changes: readonly Json[], error: SyncError): UploadReply {
  const isTooLarge = error.details['status'] === 413;
  const [first, ...others] = changes.map(idOf);
  const outcomes = others.map((mutationId): Outcome => ({ type: 'undone', mutationId, because: first ?? mutationId }));
  if (first !== undefined) {
    outcomes.unshift(
      isTooLarge
        ? { type: 'rejected', mutationId: first, code: 'too-large', message: 'It is larger than the server takes.' }
        : { type: 'later', mutationId: first, message: 'The server failed at it.' },
    );
  }
  return { outcomes, serverEpoch: null, fault: null, bytesSent: 0, bytesReceived: 0 };
}

/** Whether a part of what was refused so may be taken: it was too large, or the server failed at it by itself, and not for the first time. */
function isForOne({ details: { status, retryAfterMs } }: SyncError, failedBefore: boolean): boolean {
  return status === 413 || (status === 500 && retryAfterMs === undefined && failedBefore);
}

/**
 * Sends a batch, and in halves what is too large for the server, or makes it fail again and again: one change must not keep the others
 * back (SPEC T-6). Safe, as the server knows each change by its own id. What makes it fail by itself is answered `later`, what is too
 * large by itself `rejected`; a group is one. Rejects as the first request does; after that the reply has the fault.
 */
export async function sendDivided(body: string, options: DividedUpload): Promise<UploadReply> {
  const { bound, failedBefore } = options;
  let failures = 0;
  const send = async (text: string): Promise<UploadReply | SyncError> => {
    try {
      const reply = await options.send(text);
      failures = 0;
      return reply;
    } catch (error) {
      failures += 1;
      if (!(error instanceof SyncError) || !isForOne(error, failedBefore)) throw error;
      const isTooLarge = error.details['status'] === 413;
      if (!isTooLarge && failures > failuresInRow) throw error;
      if (isTooLarge) bound.characters = Math.min(bound.characters, text.length);
      return error;
    }
  };
  if (body.length < bound.characters) {
    const reply = await send(body);
    if (!(reply instanceof SyncError)) return reply;
  }
  const { changes: all, ...frame } = parseStored(body);
  if (!Array.isArray(all)) throw new TypeError('A stored batch has no changes.');

  const halves = async (changes: readonly Json[]): Promise<UploadReply> => {
    const half = Math.ceil(changes.length / 2);
    const first = await take(changes.slice(0, half));
    if (first.fault !== null) return first;
    try {
      const second = await take(changes.slice(half));
      return {
        outcomes: [...first.outcomes, ...second.outcomes],
        serverEpoch: second.serverEpoch ?? first.serverEpoch,
        fault: second.fault,
        bytesSent: first.bytesSent + second.bytesSent,
        bytesReceived: first.bytesReceived + second.bytesReceived,
      };
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      return { ...first, fault: error };
    }
  };

  const take = async (changes: readonly Json[]): Promise<UploadReply> => {
    const text = JSON.stringify({ ...frame, changes });
    const isOne = changes.length === 1 || frame['group'] !== undefined;
    if (!isOne && text.length >= bound.characters) return halves(changes);
    const reply = await send(text);
    if (!(reply instanceof SyncError)) return reply;
    return isOne ? refusal(changes, reply) : halves(changes);
  };

  return take(all);
}
