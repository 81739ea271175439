import type { ChangeBase, ChangeRow } from './format.ts';
import { withState } from './changes.ts';
import type { MutationId, RecordKey } from '../protocol/record.ts';

/** What a page asks for. `put` is a replacement that creates the record where there is none. */
export type WriteOperation = 'create' | 'put' | 'update' | 'delete';

export interface IncomingWrite {
  readonly table: string;
  readonly key: RecordKey;
  readonly operation: WriteOperation;
  /** The record's JSON after the write; null for a delete. */
  readonly text: string | null;
  readonly mutationId: MutationId;
  readonly schema: number;
  readonly at: number;
  /** Somebody wants to hear what becomes of it. @default false */
  readonly asked?: boolean;
}

/** What is stored of the record: its rows, oldest first, and its base. */
export interface StoredState {
  readonly rows: readonly ChangeRow[];
  readonly base: ChangeBase | null;
  readonly marked: boolean;
  readonly inFlight: ReadonlySet<number>;
  /** Rows with a `seq` up to this are sealed. */
  readonly sealedThrough: number;
  /** A command on the record waits for its last row. @default false */
  readonly isAwaited?: boolean;
  /** What was written since the last row may be about the same record, by its other key (SPEC N-3). @default false */
  readonly isPassed?: boolean;
}

export type CoalescedWrite =
  /** Replace the last row, keeping its `seq`. */
  | { readonly type: 'amend'; readonly row: ChangeRow }
  /** Add a row under the next `seq`. */
  | { readonly type: 'append'; readonly row: Omit<ChangeRow, 'seq'> }
  /** The record was never on the server, and will not be. */
  | { readonly type: 'drop'; readonly row: ChangeRow }
  | { readonly type: 'refuse'; readonly code: 'exists' | 'not-found' };

function askedOf({ asked = false }: IncomingWrite): { readonly asked?: true } {
  return asked ? { asked: true } : {};
}

function newRow(
  write: IncomingWrite,
  operation: ChangeRow['operation'],
  base: ChangeBase | null,
  whole: boolean,
): Omit<ChangeRow, 'seq'> {
  return {
    table: write.table,
    key: write.key,
    mutationId: write.mutationId,
    operation,
    text: operation === 'delete' ? null : write.text,
    base,
    whole,
    schema: write.schema,
    state: 'pending',
    attempts: 0,
    madeAt: write.at,
    ...askedOf(write),
  };
}

function amended(
  row: ChangeRow,
  write: IncomingWrite,
  operation: ChangeRow['operation'],
  whole: boolean,
): CoalescedWrite {
  const { mutationId, schema } = write;
  const text = operation === 'delete' ? null : write.text;
  return {
    type: 'amend',
    row: {
      ...withState(row, 'pending'),
      ...{ operation, text, mutationId, schema, whole: row.whole || whole, attempts: 0 },
      ...askedOf(write),
    },
  };
}

/** SPEC 3.1, the row «none»: the record has no change. */
function overBase(write: IncomingWrite, state: StoredState): CoalescedWrite {
  const { base, marked } = state;
  if (base === null) {
    if (write.operation === 'update' || write.operation === 'delete') return { type: 'refuse', code: 'not-found' };
    return { type: 'append', row: newRow(write, 'create', null, true) };
  }
  if (write.operation === 'create') return { type: 'refuse', code: 'exists' };
  const operation = write.operation === 'delete' ? 'delete' : 'update';
  return { type: 'append', row: newRow(write, operation, base, marked) };
}

/** SPEC 3.1, a last row that may not be amended: another row goes over it, based on its content (W-3). */
function overFixed(write: IncomingWrite, last: ChangeRow): CoalescedWrite {
  if (last.operation === 'delete') {
    if (write.operation === 'update' || write.operation === 'delete') return { type: 'refuse', code: 'not-found' };
    return { type: 'append', row: { ...newRow(write, 'create', null, true), anew: true } };
  }
  if (write.operation === 'create') return { type: 'refuse', code: 'exists' };
  const base = last.text === null ? null : { text: last.text, version: null };
  return { type: 'append', row: newRow(write, write.operation === 'delete' ? 'delete' : 'update', base, false) };
}

/** A create that is deleted again: nothing is sent, unless the server was found to have a record under its key. */
function withoutCreate(write: IncomingWrite, last: ChangeRow): CoalescedWrite {
  const { text = null, version = null } = last.server ?? {};
  return text === null
    ? { type: 'drop', row: last }
    : amended({ ...last, base: { text, version } }, write, 'delete', false);
}

function overAmendable(write: IncomingWrite, last: ChangeRow): CoalescedWrite {
  switch (last.operation) {
    case 'create':
      if (write.operation === 'create') return { type: 'refuse', code: 'exists' };
      if (write.operation === 'delete') return withoutCreate(write, last);
      return amended(last, write, 'create', true);
    case 'update':
      if (write.operation === 'create') return { type: 'refuse', code: 'exists' };
      return amended(last, write, write.operation === 'delete' ? 'delete' : 'update', false);
    case 'delete':
      if (write.operation === 'update' || write.operation === 'delete') return { type: 'refuse', code: 'not-found' };
      return amended(last, write, 'update', true);
  }
}

function isAmendable(row: ChangeRow, state: StoredState): boolean {
  if (state.inFlight.has(row.seq) || row.state === 'unknown') return false;
  // What is written over a member that waits for another one is not of its group.
  if (row.state === 'blocked' && row.group !== undefined) return false;
  // What is written after a command goes behind it.
  if (row.state === 'blocked' && state.isAwaited === true) return false;
  // Under another id it could be there twice.
  if (row.state === 'blocked' && row.sent !== undefined) return false;
  // What the server refused, or what waits, is mended in its place: nothing that follows it was taken before it.
  if (row.state !== 'pending') return true;
  // In its place it would count as older than that.
  if (row.operation === 'update' && state.isPassed === true) return false;
  return row.seq > state.sealedThrough && row.sealed !== true && row.group === undefined;
}

/** The coalescing table of SPEC 3.1: what one more write makes of a record's rows. Pure. */
export function coalesce(write: IncomingWrite, state: StoredState): CoalescedWrite {
  const last = state.rows.at(-1);
  if (last === undefined) return overBase(write, state);
  return isAmendable(last, state) ? overAmendable(write, last) : overFixed(write, last);
}
