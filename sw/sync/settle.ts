import { waitingAsAnswered, type RecordRef } from '../store/blocked.ts';
import { withState } from '../store/changes.ts';
import type { ChangeRow } from '../store/format.ts';
import type { Table } from '../store/schema.ts';
import type { MutationId, RecordKey, RunId } from '../protocol/record.ts';
import type { FailureCode } from '../protocol/status.ts';
import type { Outcome } from '../protocol/wire.ts';
import { choose } from './conflict-function.ts';
import { withLocalColumns } from './local-columns.ts';
import { parseStored, rebase } from '../store/rebase.ts';
import { rebaseAbove } from './rebase-above.ts';

/** How often a change is sent again after a conflict, before it is left to the user. */
const conflictRounds = 5;

export interface SettleInput {
  readonly table: Table;
  /** The row that was sent. */
  readonly row: ChangeRow;
  /** The rows over it, oldest first. */
  readonly above: readonly ChangeRow[];
  readonly outcome: Outcome;
  readonly newId: () => MutationId;
  readonly run: RunId;
  /** For `undone`: what became of the change that kept the group back. */
  readonly group?: UndoneGroup;
}

export interface UndoneGroup {
  /** For what the group waits; null if it cannot be taken any more as it was. */
  readonly blocker: RecordRef | null;
  /** What kept it back is sent again by itself: in this run, or, taken `later`, in the next one. */
  readonly again: 'no' | 'now' | 'later';
}

export type BaseEffect =
  | { readonly type: 'keep' }
  | { readonly type: 'put'; readonly key: RecordKey; readonly text: string; readonly version: string }
  | { readonly type: 'remove'; readonly key: RecordKey };

export interface SettledFailure {
  /** The row whose content the failure holds. */
  readonly row: ChangeRow;
  readonly code: FailureCode;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>> | null;
  readonly references?: RecordRef;
  /** Whether the change stays here and can be sent again. */
  readonly retriable: boolean;
}

/** What an outcome makes of a record's rows: those not named in `rows` are removed. */
export interface Settlement {
  readonly verdict: 'uploaded' | 'failed' | 'conflict' | 'later';
  readonly rows: readonly ChangeRow[];
  readonly base: BaseEffect;
  readonly failure: SettledFailure | null;
  /** Whether a row is to be sent again in the same run. */
  readonly again: boolean;
}

function serverBase(key: RecordKey, text: string, version: string | null): BaseEffect {
  return { type: 'put', key, text, version: version ?? '' };
}

/**
 * Taken, and the record is not there: deleted by this change, or by somebody since. What was written over it must not make
 * it anew, but for what the user made anew after a delete of their own.
 */
function appliedAndGone({ row, above: made }: SettleInput): Settlement {
  const base: BaseEffect = { type: 'remove', key: row.key };
  const above = row.text === null ? made : rebaseAbove(made, { text: row.text, version: null });
  const anew = above.findIndex((upper) => upper.operation === 'create');
  const rows = anew < 0 ? [] : above.slice(anew);
  const last = above.at(-1);
  if (anew >= 0 || last === undefined || last.text === null) {
    return { verdict: 'uploaded', rows, base, failure: null, again: false };
  }
  const message = 'The server took the version before this one, but has the record no more.';
  const failure: SettledFailure = { row: last, code: 'gone', message, fields: null, retriable: false };
  return { verdict: 'failed', rows, base, failure, again: false };
}

function applied(input: SettleInput, outcome: Extract<Outcome, { type: 'applied' }>): Settlement {
  const { table, row, above } = input;
  if (outcome.record === null) return appliedAndGone(input);
  const verdict = { verdict: 'uploaded', failure: null, again: false } as const;
  const text = withLocalColumns(table, outcome.record, row.text);
  const base = { text, version: outcome.version };
  return { ...verdict, rows: rebaseAbove(above, base), base: serverBase(row.key, text, outcome.version) };
}

/** A row and the one over it as one, for when the lower one was not taken (SPEC 3.1, applied after the fact). */
function joined(lower: ChangeRow, upper: ChangeRow, mutationId: MutationId): ChangeRow | null {
  // What belongs to a group stays in its place there.
  const place = lower.group === undefined ? {} : { group: lower.group, seq: lower.seq };
  const asked = lower.asked === true ? ({ asked: true } as const) : {};
  const row = { ...withState(upper, 'pending'), mutationId, ...place, ...asked };
  if (lower.operation === 'create') {
    if (upper.operation === 'delete') return null;
    return { ...row, operation: 'create', base: null, whole: true };
  }
  if (lower.operation === 'delete') return { ...row, operation: 'update', base: lower.base, whole: true };
  return { ...row, base: lower.base, whole: lower.whole || upper.whole };
}

/** All rows of a record as one; null if together they are nothing that the server must hear of. */
export function joinAll(row: ChangeRow, above: readonly ChangeRow[], newId: () => MutationId): ChangeRow | null {
  return above.reduce<ChangeRow | null>(
    (lower, upper) => (lower === null ? upper : joined(lower, upper, newId())),
    row,
  );
}

function notTaken(
  input: SettleInput,
  code: FailureCode,
  message: string,
  extra: {
    readonly fields?: Readonly<Record<string, string>>;
    readonly references?: { readonly table: string; readonly key: RecordKey };
  } = {},
): Settlement {
  const { row, above, table, newId } = input;
  const base: BaseEffect = { type: 'keep' };
  if (above.length > 0) {
    // The user has gone on editing: the newer content is what will be tried.
    const rest = joinAll(row, above, newId);
    return { verdict: 'failed', rows: rest === null ? [] : [rest], base, failure: null, again: false };
  }
  const { fields = null, references } = extra;
  const retriable = table.onRejected === 'keep';
  const named = references === undefined ? {} : { references };
  const failure: SettledFailure = { row, code, message, fields, retriable, ...named };
  const rejected = withState(row, 'rejected', { code, message, ...extra });
  return { verdict: 'failed', rows: retriable ? [rejected] : [], base, failure, again: false };
}

/** The record is not the user's to change any more: it goes here, and the failure keeps the content. */
function lost(input: SettleInput, code: 'gone' | 'forbidden', message: string): Settlement {
  const { row, above } = input;
  const top = above.at(-1) ?? row;
  const madeAnew = above.findLast((upper) => upper.operation === 'create');
  const base: BaseEffect = { type: 'remove', key: row.key };
  if (madeAnew !== undefined) {
    return { verdict: 'failed', rows: above.slice(above.indexOf(madeAnew)), base, failure: null, again: true };
  }
  const failure = { row: top.text === null ? row : top, code, message, fields: null, retriable: false };
  return { verdict: 'failed', rows: [], base, failure, again: false };
}

function conflicting(input: SettleInput, outcome: Extract<Outcome, { type: 'conflict' }>): Settlement {
  const { row, above, table, newId } = input;
  const top = above.at(-1);
  // Sent again though it may have arrived, it is the user's own create that the server has: the delete over it goes on (SPEC 3.2).
  const deleted =
    row.sent === 'again' && top?.operation === 'delete' ? { ...withState(top, 'pending'), base: null } : null;
  const local = joinAll(row, above, newId) ?? deleted;
  const { record, version } = outcome;
  const text = record === null ? null : withLocalColumns(table, record, row.text ?? row.base?.text ?? null);
  const base: BaseEffect = text === null ? { type: 'remove', key: row.key } : serverBase(row.key, text, version);
  // Made and deleted here, and somebody else's there: nothing of the user's was taken.
  if (local === null) return { verdict: 'conflict', rows: [], base, failure: null, again: false };
  const policy = table.conflict;
  const takeServer = (message: string): Settlement => ({
    verdict: 'conflict',
    rows: [],
    base,
    failure: { row: local, code: 'conflict', message, fields: null, retriable: false },
    again: false,
  });
  const sendAgain = (content: string | null): Settlement => {
    if (text === null && content === null) return { verdict: 'uploaded', rows: [], base, failure: null, again: false };
    const operation = content === null ? 'delete' : text === null ? 'create' : 'update';
    const again: ChangeRow = {
      ...withState(local, 'pending'),
      mutationId: newId(),
      operation,
      text: content,
      base: text === null ? null : { text, version },
      whole: operation === 'create' || (row.operation === 'create' && local.operation !== 'delete'),
      attempts: row.attempts + 1,
    };
    return { verdict: 'conflict', rows: [again], base, failure: null, again: true };
  };
  const leaveToUser = (why = 'The record was changed on the server as well.'): Settlement => {
    const message = `${why} Choose which values to keep.`;
    const parked = { ...withState({ ...local, server: { text, version } }, 'conflict', { code: 'conflict', message }) };
    const failure: SettledFailure = { row: local, code: 'conflict', message, fields: null, retriable: true };
    return { verdict: 'conflict', rows: [parked], base, failure, again: false };
  };
  if (policy === 'manual' || row.attempts >= conflictRounds) return leaveToUser();
  if (policy === 'server-wins')
    return takeServer('The record was changed on the server as well, and the server’s copy was kept.');
  if (typeof policy === 'function') {
    const chosen = choose(table, policy, {
      table: table.name,
      key: row.key,
      base: row.base === null ? null : parseStored(row.base.text),
      local: local.text === null ? null : parseStored(local.text),
      server: record,
    });
    if (chosen.type === 'server') return takeServer('The app’s conflict function chose the server’s copy.');
    return chosen.type === 'record' ? sendAgain(chosen.text) : leaveToUser(chosen.message);
  }
  if (text === null) return lost(input, 'gone', 'The record was deleted on the server meanwhile.');
  if (local.text === null) return sendAgain(null);
  if (policy === 'merge' && row.base !== null && !local.whole)
    return sendAgain(rebase(text, row.base.text, local.text));
  return sendAgain(local.text);
}

/** Not applied, because another change of its group was not: it goes where that one goes (invariant 9). */
function undone(input: SettleInput): Settlement {
  const { row, above, newId, run, group = { blocker: null, again: 'no' } } = input;
  const base: BaseEffect = { type: 'keep' };
  // What was written over a member is not of its group: it stays a row of its own.
  const isMember = row.group !== undefined;
  const member = isMember ? row : joinAll(row, above, newId);
  if (member === null) return { verdict: 'failed', rows: [], base, failure: null, again: false };
  const over = isMember ? above : [];
  const again = { ...withState(member, 'pending'), mutationId: newId() };
  if (group.again === 'now') return { verdict: 'failed', rows: [again, ...over], base, failure: null, again: true };
  if (group.again === 'later') {
    return { verdict: 'failed', rows: [{ ...again, triedIn: run }, ...over], base, failure: null, again: false };
  }
  if (group.blocker !== null) {
    const rows = [withState(again, 'blocked', waitingAsAnswered(group.blocker)), ...over];
    return { verdict: 'failed', rows, base, failure: null, again: false };
  }
  const message = 'Another part of its group can no longer be taken.';
  const rows = [withState(again, 'rejected', { code: 'superseded', message }), ...over];
  const failure: SettledFailure = { row: again, code: 'superseded', message, fields: null, retriable: true };
  return { verdict: 'failed', rows, base, failure, again: false };
}

/** What the server's outcome makes of a record's rows and base: SPEC 3.2 and 3.3. Pure but for the app's own conflict function. */
export function settle(input: SettleInput): Settlement {
  const { outcome, row } = input;
  switch (outcome.type) {
    case 'applied':
      return applied(input, outcome);
    case 'rejected':
      return notTaken(
        input,
        outcome.code,
        outcome.message,
        outcome.fields === undefined ? {} : { fields: outcome.fields },
      );
    case 'dangling':
      return notTaken(input, 'dangling', outcome.message, { references: outcome.references });
    case 'gone':
      return lost(input, 'gone', outcome.message);
    case 'forbidden':
      return row.base === null
        ? notTaken(input, 'forbidden', outcome.message)
        : lost(input, 'forbidden', outcome.message);
    case 'conflict':
      return conflicting(input, outcome);
    case 'undone':
      return undone(input);
    case 'later':
      // It may have been taken all the same: an edit in its place, under another id, could make a second record, or undo nothing.
      return {
        ...{ verdict: 'later', failure: null, again: false, base: { type: 'keep' } },
        rows: [{ ...row, sealed: true, sent: row.sent ?? 'perhaps', triedIn: input.run }, ...input.above],
      };
    case 'fenced': {
      const rest = joinAll(row, input.above, input.newId);
      const rows = rest === null ? [] : [{ ...rest, mutationId: input.newId() }];
      return { verdict: 'later', rows, base: { type: 'keep' }, failure: null, again: false };
    }
  }
}
