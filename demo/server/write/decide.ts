import type { JsonRecord, RecordKey } from '../../../sw/protocol/record.ts';
import type { Outcome, WireChange } from '../../../sw/protocol/wire.ts';
import { isFileReference } from '../../../sw/protocol/file.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { findCommand } from './commands.ts';
import { type Prefetched, relationId } from './prefetch.ts';
import { assemble, type FieldErrors, faultsOf } from './validate.ts';
import type { OwnWrites } from './own-writes.ts';
import { type Entry, isReadable, type RowState } from './working-set.ts';
import type { WriteContext } from './write-context.ts';

const maxRecordBytes = 1_048_576;

export type Refusal = Exclude<Outcome, { readonly type: 'applied' | 'fenced' | 'later' | 'undone' }>;

/** `applied` leaves the record and version to be read when everything was written. */
export type Decision =
  | {
      readonly type: 'applied';
      readonly entry: Entry;
      readonly created: boolean;
      /** The version that a command found, where nothing in this upload had written the record before. */
      readonly found?: bigint;
    }
  | Refusal;

export interface DecisionContext extends WriteContext, Prefetched {
  readonly ownWrites: OwnWrites;
}

/** Decides on one change, and carries it out in the working set if it is applied. */
export function decide(context: DecisionContext, change: WireChange): Decision {
  const { mutationId } = change;
  if (change.type === 'command') {
    const command = findCommand(context.catalog, change.method, change.path);
    if (command === null) return rejected(change, `There is no command ${change.method} ${change.path}.`);
    const entry = context.set.get(command.table, command.key);
    const state = entry.current;
    if (state === null) return gone(change, command.table, command.key);
    if (!isReadable(state, context.user)) return forbidden(change);
    const result = command.run(state, { body: change.body, users: context.users });
    if (result.type === 'rejected') return rejected(change, result.message, result.fields);
    const moved = result.state.owner !== state.owner;
    if (moved || !sameRecord(result.state.record, state.record)) context.set.put(entry, result.state, true);
    if (moved) handDown(context, entry, result.state.owner);
    const isFirst = state === entry.stored && context.ownWrites.before(entry) === state;
    return { type: 'applied', entry, created: false, ...(isFirst ? { found: state.version } : {}) };
  }

  const table = context.catalog.find(change.table);
  if (table === undefined) {
    return { type: 'rejected', mutationId, code: 'schema', message: `This server has no table ${change.table}.` };
  }
  const entry = context.set.find(table, change.key);
  if (entry === undefined) {
    return rejected(change, 'The key cannot be stored.', { [table.key]: 'cannot be a key of this table' });
  }
  const state = entry.current;
  if (state !== null && !isReadable(state, context.user)) return forbidden(change);
  switch (change.type) {
    case 'create':
      if (state !== null) return conflict(change, state);
      return save(context, change, { entry, fields: Object.keys(change.record) });
    case 'update': {
      if (state === null) return gone(change, table, change.key);
      const fits = fitsBase(context, entry, change.baseVersion) || context.onConflict[table.name] === 'overwrite';
      if (!fits && !(change.baseVersion === null && hasFields(state.record, change))) return conflict(change, state);
      return save(context, change, { entry, fields: change.fields });
    }
    case 'delete': {
      if (state === null) return { type: 'applied', entry, created: false };
      const fits = fitsBase(context, entry, change.baseVersion) || context.onConflict[table.name] === 'overwrite';
      if (!fits) return conflict(change, state);
      return remove(context, change, entry);
    }
  }
}

type RecordChange = Exclude<WireChange, { readonly type: 'command' }>;
type Save = Exclude<RecordChange, { readonly type: 'delete' }>;

function save(
  context: DecisionContext,
  change: Save,
  { entry, fields }: { entry: Entry; fields: readonly string[] },
): Decision {
  const { table, key, current } = entry;
  const assembled = assemble({ table, key, sent: change.record, fields, current: current?.record ?? null });
  if (assembled.type === 'faulty') return invalid(change, assembled.errors);
  let { record } = assembled;
  const faults = faultsOf(table, record);
  if (faults !== null) return invalid(change, faults);
  for (const hook of table.hooks ?? []) {
    const result = hook(record);
    if ('reject' in result) {
      return { type: 'rejected', mutationId: change.mutationId, code: 'hook', message: result.reject };
    }
    record = result.record;
  }
  if (Buffer.byteLength(JSON.stringify(record)) > maxRecordBytes) {
    const message = `The record is larger than ${maxRecordBytes} bytes.`;
    return { type: 'rejected', mutationId: change.mutationId, code: 'too-large', message };
  }
  const refusal =
    checkContents(context, change, { entry, record }) ??
    checkReferences(context, change, { entry, record }) ??
    checkUnique(context, change, { entry, record });
  if (refusal !== null) return refusal;
  if (current !== null && sameRecord(record, current.record)) return { type: 'applied', entry, created: false };
  const owner = current?.owner ?? ownerOf(context, table);
  const before = current ?? { version: 0n, edited: 0n };
  context.set.put(entry, { owner, version: before.version, edited: before.edited, record }, true);
  return { type: 'applied', entry, created: current === null };
}

/** A content comes before the record that names it: else nobody could ever see it. */
function checkContents(
  context: DecisionContext,
  change: Save,
  { entry, record }: { entry: Entry; record: JsonRecord },
): Refusal | null {
  for (const [column, { type }] of Object.entries(entry.table.columns)) {
    const value = record[column];
    if (type !== 'file' || !isFileReference(value) || context.contents.has(value.hash)) continue;
    const before = entry.current?.record[column];
    if (isFileReference(before) && before.hash === value.hash) continue;
    return invalid(change, { [column]: 'names a content that has not arrived' });
  }
  return null;
}

function checkReferences(
  context: DecisionContext,
  change: Save,
  { entry, record }: { entry: Entry; record: JsonRecord },
): Refusal | null {
  for (const [column, { references }] of Object.entries(entry.table.columns)) {
    const key = record[column];
    if (references === undefined || (typeof key !== 'string' && typeof key !== 'number')) continue;
    if (entry.current !== null && entry.current.record[column] === key) continue;
    const parent = context.set.get(context.catalog.get(references.table), key).current;
    if (parent === null) {
      const message = `${column} refers to ${references.table} ${String(key)}, which the server does not have.`;
      return {
        type: 'dangling',
        mutationId: change.mutationId,
        message,
        references: { table: references.table, key },
      };
    }
    if (!isReadable(parent, context.user)) return forbidden(change);
  }
  return null;
}

function checkUnique(
  context: DecisionContext,
  change: Save,
  { entry, record }: { entry: Entry; record: JsonRecord },
): Refusal | null {
  for (const [column, { unique }] of Object.entries(entry.table.columns)) {
    const value = record[column];
    if (unique !== true || value === undefined || value === null) continue;
    for (const holder of context.set.having(entry.table, column, value)) {
      if (holder !== entry) return invalid(change, { [column]: 'is taken by another record' });
    }
  }
  return null;
}

function remove(context: DecisionContext, change: RecordChange, entry: Entry): Decision {
  const relations = context.catalog.childrenOf(entry.table);
  for (const { table, column, onDelete } of relations) {
    const used =
      context.set.having(table, column, entry.key).size > 0 ||
      context.referred.get(relationId(table, column))?.has(entry.key) === true;
    if (onDelete === 'restrict' && used) {
      const message = `It cannot be deleted: ${table.name} refer to it.`;
      return rejected(change, message, { [entry.table.key]: `is used by ${table.name}` });
    }
  }
  removeWithChildren(context, entry);
  return { type: 'applied', entry, created: false };
}

function removeWithChildren(context: DecisionContext, entry: Entry): void {
  for (const { table, column, onDelete } of context.catalog.childrenOf(entry.table)) {
    if (onDelete !== 'cascade') continue;
    for (const child of [...context.set.having(table, column, entry.key)]) removeWithChildren(context, child);
  }
  context.set.put(entry, null, true);
}

/** Whoever has a record has what belongs to it. */
function handDown(context: DecisionContext, parent: Entry, owner: string): void {
  for (const table of context.catalog.tables) {
    if (table.access.type !== 'parent' || table.access.table !== parent.table.name) continue;
    for (const child of [...context.set.having(table, table.access.column, parent.key)]) {
      if (child.current === null) continue;
      context.set.put(child, { ...child.current, owner }, false);
      handDown(context, child, owner);
    }
  }
}

function ownerOf(context: WriteContext, table: TableDefinition): string {
  return table.access.type === 'shared' ? '' : context.user;
}

/**
 * Whether no user has edited the record since the version on which the change is based. What this very upload did to the
 * record before does not count: its changes were made one on top of the other.
 */
function fitsBase(context: DecisionContext, entry: Entry, baseVersion: string | null): boolean {
  if (entry.stored === null) return true;
  const before = context.ownWrites.before(entry);
  if (before === null) return true;
  if (baseVersion === null || !/^\d{1,19}$/.test(baseVersion)) return false;
  const base = BigInt(baseVersion);
  const within = ({ edited, version }: RowState): boolean => edited <= base && base <= version;
  return within(entry.stored) || within(before);
}

function hasFields(record: JsonRecord, change: Extract<WireChange, { readonly type: 'update' }>): boolean {
  return change.fields.every(
    (field) => JSON.stringify(record[field] ?? null) === JSON.stringify(change.record[field] ?? null),
  );
}

function sameRecord(a: JsonRecord, b: JsonRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function conflict({ mutationId }: WireChange, state: RowState): Refusal {
  return { type: 'conflict', mutationId, record: state.record, version: String(state.version) };
}

function gone({ mutationId }: WireChange, table: TableDefinition, key: RecordKey): Refusal {
  return { type: 'gone', mutationId, message: `The server has no ${table.name} ${String(key)} any more.` };
}

function forbidden({ mutationId }: WireChange): Refusal {
  return { type: 'forbidden', mutationId, message: 'This user may not read or write the record.' };
}

function rejected({ mutationId }: WireChange, message: string, fields?: FieldErrors): Refusal {
  return { type: 'rejected', mutationId, code: 'validation', message, ...(fields === undefined ? {} : { fields }) };
}

function invalid(change: WireChange, fields: FieldErrors): Refusal {
  const message = Object.entries(fields)
    .map(([field, fault]) => `${field} ${fault}`)
    .join('; ');
  return rejected(change, `${message}.`, fields);
}
