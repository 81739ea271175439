import { withCurrentCommand } from './aliases.ts';
import type { Base } from './base.ts';
import { releaseFollowers } from './blocked.ts';
import { withoutGroup } from './changes.ts';
import { coalesce } from './coalesce.ts';
import { StaleReadError, type Database, type WriteTransaction } from './database.ts';
import type { DeleteRules } from './delete-rules.ts';
import type { CommandRow, GroupRef, StoreName } from './format.ts';
import { readGroup } from './groups.ts';
import { listScope } from './list.ts';
import { removeMark } from './marks.ts';
import { getMeta, setMeta } from './meta.ts';
import { noteOutcomes } from './outcomes.ts';
import type { RecordWrite } from './record-write.ts';
import { claimRequest, matchRequest, requestRowKey, type RequestIdentity } from './requests.ts';
import type { Schema } from './schema.ts';
import { readState } from './write.ts';
import { SyncError } from '../protocol/errors.ts';
import type { GroupMember, GroupResult } from '../protocol/group.ts';
import { isJsonObject, type MutationId } from '../protocol/record.ts';

export type GroupWrite =
  | { readonly type: 'record'; readonly write: RecordWrite; readonly rules: DeleteRules | null }
  | { readonly type: 'command'; readonly command: Omit<CommandRow, 'seq' | 'group'> };

export type GroupWriteResult =
  | { readonly type: 'stored'; readonly result: GroupResult }
  | { readonly type: 'repeated'; readonly body: string }
  | { readonly type: 'request-changed' }
  /** The member at `index` was refused, or cannot be computed yet, as in `WriteResult`; nothing is stored. */
  | { readonly type: 'refused'; readonly index: number; readonly code: 'exists' | 'not-found' }
  | { readonly type: 'unknown-base'; readonly index: number }
  | { readonly type: 'renamed' };

/** Rolls the transaction back with what stopped it. */
class Halt extends StaleReadError {
  readonly result: GroupWriteResult;

  constructor(result: GroupWriteResult) {
    super('a group was not stored');
    this.result = result;
  }
}

export interface GroupContext {
  readonly database: Database;
  readonly base: Base;
  readonly schema: Schema;
  readonly id: MutationId;
  readonly request: RequestIdentity;
  readonly now: number;
}

const scope: StoreName[] = [...listScope, 'aliases', 'commands', 'meta', 'requests', 'outcomes'];

/** Gives the rows of a group their places, in the transaction that stores them. */
class Placement {
  readonly #tx: WriteTransaction;
  readonly #context: GroupContext;
  readonly #first: number;
  #last: number;
  /** Edits made before a command of the group must not be joined with those after it. */
  #lastCommand = 0;

  constructor(tx: WriteTransaction, context: GroupContext, last: number) {
    this.#tx = tx;
    this.#context = context;
    this.#first = last + 1;
    this.#last = last;
  }

  get #group(): GroupRef {
    return { id: this.#context.id, first: this.#first, size: this.#last - this.#first + 1 };
  }

  async command(command: Omit<CommandRow, 'seq' | 'group'>): Promise<void> {
    const current = await withCurrentCommand(this.#tx, this.#context.schema, command);
    this.#last += 1;
    this.#lastCommand = this.#last;
    const asked = this.#context.request.explicit ? ({ asked: true } as const) : {};
    await this.#tx.objectStore('commands').put({ ...current, seq: this.#last, group: this.#group, ...asked });
  }

  /** Gives the record's text after the write. */
  async record(write: RecordWrite, index: number): Promise<string | null> {
    const tx = this.#tx;
    const { state, baseKnown, isRenamed, head } = await readState(tx, this.#context.base, write);
    if (isRenamed) throw new Halt({ type: 'renamed' });
    if (!baseKnown) throw new Halt({ type: 'unknown-base', index });
    const last = state.rows.at(-1);
    const isOwn = last !== undefined && last.seq >= this.#first;
    if (isOwn ? last.seq < this.#lastCommand : last?.group !== undefined && last.state !== 'pending') {
      throw new SyncError(
        'invalid-request',
        isOwn
          ? `${write.table} ${String(write.key)} is written before and after a command of the same group. Nothing was stored; make two groups of it.`
          : `${write.table} ${String(write.key)} belongs to a group that the server did not take. Nothing was stored; retry or discard that one first.`,
      );
    }
    const view = last === undefined ? (state.base?.text ?? null) : last.text;
    const isMissing = view === null && (write.operation === 'update' || write.operation === 'delete');
    const text = write.operation === 'delete' || isMissing ? null : write.content(view);
    // What was made before it is sealed; what the group has made of the record already is amended.
    const rows = isOwn ? [...state.rows.slice(0, -1), withoutGroup(last)] : state.rows;
    const { table, key, operation, mutationId, schema } = write;
    const { now: at, request } = this.#context;
    const incoming = { table, key, operation, text, mutationId, schema, at, asked: request.explicit };
    const coalesced = coalesce(incoming, { ...state, rows, sealedThrough: this.#first - 1 });
    if (coalesced.type === 'refuse') throw new Halt({ type: 'refused', index, code: coalesced.code });
    await removeMark(tx, await removeMark(tx, head, 'send', key), 'hold', key);
    const changes = tx.objectStore('changes');
    if (coalesced.type !== 'append' && !isOwn) {
      // A refused change goes on as a member of the group.
      await changes.delete([table, key, coalesced.row.seq]);
      await releaseFollowers(tx, [coalesced.row]);
    }
    if (coalesced.type === 'drop') {
      if (isOwn) await changes.delete([table, key, coalesced.row.seq]);
      return text;
    }
    if (!isOwn) this.#last += 1;
    const seq = isOwn ? last.seq : this.#last;
    if (coalesced.type === 'amend' && coalesced.row.asked === true && coalesced.row.seq !== seq)
      await noteOutcomes(tx, [{ seq: coalesced.row.seq, at, end: { type: 'continued', seq } }]);
    await changes.put({ ...coalesced.row, seq, group: this.#group });
    return text;
  }

  /** How large the group is, is known only now. */
  async finish(): Promise<readonly [number, number]> {
    const group = this.#group;
    for (const row of await readGroup(this.#tx, group)) {
      if ('method' in row) await this.#tx.objectStore('commands').put({ ...row, group });
      else await this.#tx.objectStore('changes').put({ ...row, group });
    }
    await setMeta(this.#tx, 'sealedThrough', this.#first - 1);
    await setMeta(this.#tx, 'seq', this.#last);
    return [this.#first, this.#last];
  }
}

/** What the rules say of a member's record tells which member it is. */
async function ofRequest<T>(index: number, store: () => Promise<T>): Promise<T> {
  try {
    return await store();
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    const { code, message, details } = error;
    throw new SyncError(code, message, { details: { ...details, index }, cause: error });
  }
}

async function storeGroup(
  tx: WriteTransaction,
  context: GroupContext,
  members: readonly GroupWrite[],
): Promise<GroupWriteResult> {
  const { id, request, now, base } = context;
  const match = await matchRequest(tx, request, now);
  if (match.type === 'changed') return { type: 'request-changed' };
  if (match.type === 'repeat') {
    await claimRequest(tx, match.row, request);
    return { type: 'repeated', body: match.row.body ?? 'null' };
  }
  const placement = new Placement(tx, context, (await getMeta(tx, 'seq')) ?? 0);
  const stored: GroupMember[] = [];
  for (const [index, member] of members.entries()) {
    if (member.type === 'command') {
      await placement.command(member.command);
      stored.push({ type: 'command', id: member.command.mutationId });
      continue;
    }
    const { table, key } = member.write;
    const text = await ofRequest(index, async () => {
      const written = await placement.record(member.write, index);
      await member.rules?.inTransaction.work(tx, async (write) => {
        await placement.record(write, index);
      });
      return written;
    });
    const record: unknown = text === null ? null : JSON.parse(text);
    stored.push({ type: 'record', table, key, record: isJsonObject(record) ? record : null });
  }
  const seqs = await placement.finish();
  const result: GroupResult = { id, members: stored };
  if (request.explicit) {
    await tx.objectStore('requests').put({
      ...{ fingerprint: requestRowKey(request), incarnation: request.incarnation, at: now, bodyHash: request.bodyHash },
      ...{ status: 200, body: JSON.stringify(result), location: null, table: '', key: id, mutationId: id },
      explicit: true,
      seqs,
    });
  }
  base.recent.seq = null;
  return { type: 'stored', result };
}

/**
 * Stores an atomic group behind all that was made before it, and seals that (U-12): all of it in one strict transaction, or
 * nothing. Each of its rows has the group's place among the `seq`s (SPEC N-7). Repeating it is safe with an explicit key.
 */
export async function writeGroup(context: GroupContext, members: readonly GroupWrite[]): Promise<GroupWriteResult> {
  try {
    return await context.database.write(scope, (tx) => storeGroup(tx, context, members));
  } catch (error) {
    if (error instanceof Halt) return error.result;
    throw error;
  }
}
