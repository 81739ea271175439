import { SyncError } from '../protocol/errors.ts';
import { aliasFields, countAliases, currentKey, withCurrentKeys } from '../store/aliases.ts';
import type { Draft } from '../protocol/draft.ts';
import { isJsonObject, isShallow, type MutationId, type RecordKey } from '../protocol/record.ts';
import { StaleReadError, type AnyTransaction } from '../store/database.ts';
import { contentScope, nameContent, type StoredContent } from '../store/contents.ts';
import type { WriteOperation } from '../store/coalesce.ts';
import type { ChangeBase, ChangeRow, StoreName } from '../store/format.ts';
import type { RequestRow } from '../store/request-rows.ts';
import { claimRequest, matchRequest, requestRowKey, type RequestIdentity } from '../store/requests.ts';
import type { Schema, Table } from '../store/schema.ts';
import { readView } from '../store/view.ts';
import { writeRecord } from '../store/write.ts';
import { fetchBase, isWhole } from './fetch-base.ts';
import { parseStored, rebase } from '../store/rebase.ts';
import { newMutationId } from './new-mutation-id.ts';
import type { Session } from './session.ts';

export interface DraftWrite {
  readonly table: Table;
  readonly key: RecordKey;
  readonly operation: Exclude<WriteOperation, 'delete'>;
  /** The draft's JSON from the record's, or the draft's before it; null: there is neither. */
  readonly content: (current: string | null) => string;
  readonly mutationId: MutationId;
  readonly request?: RequestIdentity;
  /** The content that the draft is to name, as of a write. */
  readonly file?: StoredContent;
}

export type DraftWriteResult =
  | { readonly type: 'stored'; readonly text: string; readonly created: boolean }
  | { readonly type: 'repeated'; readonly row: RequestRow }
  | { readonly type: 'request-changed' };

/**
 * A draft as it would be committed over the record as it is now: the record with the fields in which the draft differs from what
 * it was made on (S-10). Nothing is stored for this, so no refresh can miss it.
 */
function draftText(draft: ChangeRow, view: string | null): string {
  const text = draft.text ?? '{}';
  return draft.base === null || view === null ? text : rebase(view, draft.base.text, text);
}

/** The record under a draft, read from the server where it may be there only (D-08). */
async function readBelow(session: Session, { table, key, operation }: DraftWrite): Promise<ChangeBase | null> {
  const view = await readView(session.database, session.base, table.name, key);
  if (view.text !== null) return { text: view.text, version: null };
  if (view.absenceKnown || isWhole(table) || operation === 'create') return null;
  // A record that exists as a draft only.
  if ((await readRow(session, table, key))?.base === null) return null;
  const fetched = await fetchBase(session, table, key);
  return fetched === null ? null : { text: fetched.text, version: null };
}

function refusal(code: 'exists' | 'not-found', table: Table, key: RecordKey, kept: boolean): SyncError {
  const what =
    code === 'exists'
      ? `There is a record ${String(key)} in ${table.name} already.`
      : `There is no record ${String(key)} in ${table.name}.`;
  return new SyncError(code, `${what} ${kept ? 'The draft is kept.' : 'Nothing was stored.'}`);
}

/** A draft's text with the keys that its records have now (U-08). */
async function withCurrentNames(tx: AnyTransaction, schema: Schema, table: Table, text: string): Promise<string> {
  const record: unknown = aliasFields(schema, table).length === 0 ? null : JSON.parse(text);
  if (!isJsonObject(record)) return text;
  const named = await withCurrentKeys(tx, schema, table, record);
  return named === record ? text : JSON.stringify(named);
}

/**
 * Keeps a draft, over the one before it. On disk when the promise settles. It touches no change, so what is stored and what is
 * under way go on as if there were none.
 */
export async function writeDraft(session: Session, write: DraftWrite): Promise<DraftWriteResult> {
  const { table } = write;
  for (;;) {
    const key = await session.database.read(['aliases'], (tx) => currentKey(tx, table, write.key));
    try {
      return await storeDraft(session, { ...write, key });
    } catch (error) {
      // Its record got the server's key meanwhile.
      if (!(error instanceof StaleReadError)) throw error;
    }
  }
}

async function storeDraft(session: Session, write: DraftWrite): Promise<DraftWriteResult> {
  const { table, key, operation, mutationId, request, file } = write;
  const { database, environment, schema } = session;
  const below = await readBelow(session, write);
  const now = environment.now();
  const scope: StoreName[] = ['drafts', 'aliases', 'requests', 'meta', ...(file === undefined ? [] : contentScope)];
  return database.write(scope, async (tx): Promise<DraftWriteResult> => {
    const match = request === undefined ? null : await matchRequest(tx, request, now);
    if (match?.type === 'changed') return { type: 'request-changed' };
    if (match?.type === 'repeat' && request !== undefined) {
      await claimRequest(tx, match.row, request);
      return { type: 'repeated', row: match.row };
    }
    if ((await currentKey(tx, table, key)) !== key) throw new StaleReadError('a draft got another key');
    const old = await tx.objectStore('drafts').get([table.name, key]);
    const current = old === undefined ? (below?.text ?? null) : draftText(old, below?.text ?? null);
    if (operation === 'create' && current !== null) throw refusal('exists', table, key, false);
    if (operation === 'update' && current === null) throw refusal('not-found', table, key, false);
    const text = await withCurrentNames(tx, schema, table, write.content(current));
    // A draft of a record that went meanwhile keeps what it was made on, and stays a draft of that record.
    const base = below ?? old?.base ?? null;
    await tx.objectStore('drafts').put({
      table: table.name,
      key,
      seq: 0,
      mutationId,
      operation: base === null ? 'create' : 'update',
      text,
      base,
      whole: false,
      schema: schema.version,
      state: 'pending',
      attempts: 0,
      madeAt: now,
    });
    if (file !== undefined) await nameContent(tx, file);
    const created = current === null;
    if (request !== undefined) {
      await tx.objectStore('requests').put({
        fingerprint: requestRowKey(request),
        incarnation: request.incarnation,
        at: now,
        bodyHash: request.bodyHash,
        status: created ? 201 : 200,
        body: text,
        location: null,
        table: table.name,
        key,
        mutationId,
        explicit: request.explicit,
      });
    }
    return { type: 'stored', text, created };
  });
}

async function readRow(session: Session, table: Table, key: RecordKey): Promise<ChangeRow | undefined> {
  return session.database.read(['drafts'], (tx) => tx.objectStore('drafts').get([table.name, key]));
}

async function toDraft(session: Session, row: ChangeRow): Promise<Draft> {
  const view = await readView(session.database, session.base, row.table, row.key);
  const { table, key, base, madeAt } = row;
  return { table, key, record: parseStored(draftText(row, view.text)), isNew: base === null, at: madeAt };
}

/** One draft as it stands over its record now; null: there is none. */
export async function readDraft(session: Session, table: Table, key: RecordKey): Promise<Draft | null> {
  const row = await readRow(session, table, key);
  return row === undefined ? null : toDraft(session, row);
}

/** Whether a record has a draft. */
export async function hasDraft(session: Session, table: Table, key: RecordKey): Promise<boolean> {
  return (await readRow(session, table, key)) !== undefined;
}

/** A table's drafts, in the order of their keys. */
export async function readDrafts(session: Session, table: Table): Promise<readonly Draft[]> {
  const rows = await session.database.read(['drafts'], (tx) =>
    tx.objectStore('drafts').getAll(IDBKeyRange.bound([table.name], [table.name, []])),
  );
  return Promise.all(rows.map((row) => toDraft(session, row)));
}

/** Gives a draft up; the record under it was never touched. False: there was none. */
export function discardDraft(session: Session, table: Table, given: RecordKey): Promise<boolean> {
  return session.database.write(['drafts', 'aliases'], async (tx) => {
    const store = tx.objectStore('drafts');
    const key = await currentKey(tx, table, given);
    if ((await store.getKey([table.name, key])) === undefined) return false;
    await store.delete([table.name, key]);
    return true;
  });
}

/**
 * Makes a draft a change, as a write of the record as it is now with the draft's fields. The draft goes in the transaction that
 * stores the change; if it is refused (`exists`, `not-found`, `not-held`), the draft stays. The change has the draft's own
 * mutation id, so a draft that was taken to another device as well is applied once.
 */
export async function commitDraft(session: Session, table: Table, given: RecordKey): Promise<string> {
  const { database, base, schema, environment } = session;
  let fetched: ChangeBase | null | undefined = isWhole(table) ? null : undefined;
  for (;;) {
    const { draft, aliases } = await database.read(['drafts', 'aliases', 'meta'], async (tx) => {
      const place = [table.name, await currentKey(tx, table, given)] as const;
      const row = await tx.objectStore('drafts').get([...place]);
      if (row === undefined)
        throw new SyncError('not-found', `There is no draft of ${String(given)} in ${table.name}.`);
      const text = row.text === null ? null : await withCurrentNames(tx, schema, table, row.text);
      return { draft: { ...row, text }, aliases: await countAliases(tx) };
    });
    const { mutationId, key } = draft;
    try {
      const result = await writeRecord(
        database,
        base,
        {
          table: table.name,
          key,
          operation: draft.operation === 'create' ? 'create' : 'update',
          content: (view) => draftText(draft, view),
          keyIsNew: false,
          ...(fetched === undefined ? {} : { fetched }),
          ...(aliasFields(schema, table).length === 0 ? {} : { aliases }),
          mutationId,
          schema: schema.version,
          draft: mutationId,
          amendId: newMutationId(session),
        },
        environment.now(),
      );
      if (result.type === 'stored') return result.text ?? '{}';
      if (result.type === 'refused') throw refusal(result.code, table, key, true);
      if (result.type === 'renamed') continue;
      if (result.type !== 'unknown-base') throw new TypeError(`A commit cannot end as ${result.type}.`);
      fetched = draft.operation === 'create' ? null : await fetchBase(session, table, key);
    } catch (error) {
      // Written or committed from elsewhere meanwhile: look again.
      if (!(error instanceof StaleReadError)) throw error;
    }
  }
}

/** A record given by a page's call, checked: what JSON cannot hold as it is would be stored as something else. */
export function checkRecord(table: Table, record: unknown): string {
  const isFaithful = (value: unknown): boolean => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
    if (typeof value === 'number') return Number.isFinite(value);
    if (typeof value !== 'object') return false;
    return Object.values(value).every(isFaithful);
  };
  if (!isJsonObject(record) || !isShallow(record) || !isFaithful(record)) {
    throw new SyncError(
      'invalid-body',
      `A record of ${table.name} is an object of JSON values, nested 100 deep at most. Nothing was stored.`,
    );
  }
  return JSON.stringify(record);
}
