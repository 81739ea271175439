import type { WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, type RecordKey } from '../protocol/record.ts';
import { temporaryKey } from '../store/aliases.ts';
import { withFileOf } from '../store/file-field.ts';
import { checkAddressable, keyOf, type Schema, type Table } from '../store/schema.ts';
import { syncTag } from './after-write.ts';
import { checkRecord, commitDraft, discardDraft, readDraft, readDrafts, writeDraft } from './drafts.ts';
import { recordKeyOf, tableOf } from './method-arguments.ts';
import { newMutationId } from './new-mutation-id.ts';
import { parseStored } from '../store/rebase.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { sessionToWrite } from './signed-in.ts';
import { tellWritten } from './state.ts';

/** The record's key; null where it has none. */
function keyIn(table: Table, record: unknown): RecordKey | null {
  const given: unknown = isJsonObject(record) && Object.hasOwn(record, table.key) ? record[table.key] : null;
  if (given === null || given === undefined || given === '') {
    if (table.keyType === 'string' || table.serverKeys) return null;
    throw new SyncError('invalid-key', `A new record of ${table.name} needs a number in its key field ${table.key}.`);
  }
  const key = typeof given === table.keyType ? keyOf(table, given) : null;
  if (key === null) throw new SyncError('invalid-key', `The key field ${table.key} must be a ${table.keyType}.`);
  checkAddressable(table, key);
  return key;
}

function noDrafts({ name }: Table): SyncError {
  return new SyncError('unsupported', `${name} cannot be written here, so it has no drafts.`);
}

function checkWritten(table: Table): void {
  if (table.direction === 'down') throw noDrafts(table);
}

/** What a page's calls about drafts do. */
export function createDraftMethods(
  sessions: Sessions,
  schema: Schema,
): Pick<WorkerMethods, 'draft' | 'drafts' | 'commit' | 'discardDraft'> {
  return {
    draft: (name, record) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const table = tableOf(schema, name);
        if (table.scope === 'online') throw noDrafts(table);
        checkWritten(table);
        const text = checkRecord(table, record);
        const given = keyIn(table, record);
        const key = given ?? temporaryKey(table, session.environment.newId());
        // Where the server makes the keys, a record under an unknown one cannot be made.
        const operation = given === null ? 'create' : table.serverKeys ? 'update' : 'put';
        const mutationId = newMutationId(session);
        const content = (current: string | null): string =>
          JSON.stringify({ ...withFileOf(table, parseStored(text), current), [table.key]: key });
        const written = await writeDraft(session, { table, key, operation, content, mutationId });
        const stored = written.type === 'stored' ? recordKeyOf(table, parseStored(written.text)[table.key]) : key;
        await tellWritten(session, table, stored);
        const draft = await readDraft(session, table, stored);
        if (draft === null) throw new SyncError('not-found', 'The draft was committed or given up meanwhile.');
        return draft;
      }),
    drafts: (name) => reply(async () => readDrafts(await sessions.current(), tableOf(schema, name))),
    commit: (name, value) =>
      reply(async () => {
        const session = await sessionToWrite(sessions);
        const table = tableOf(schema, name);
        checkWritten(table);
        const key = recordKeyOf(table, value);
        checkAddressable(table, key);
        const text = await commitDraft(session, table, key);
        await tellWritten(session, table, key);
        await session.environment.registerSync(syncTag(session.database.name));
        return parseStored(text);
      }),
    discardDraft: (name, value) =>
      reply(async () => {
        const session = await sessions.current();
        const table = tableOf(schema, name);
        const key = recordKeyOf(table, value);
        const discarded = await discardDraft(session, table, key);
        if (discarded) await tellWritten(session, table, key);
        return discarded;
      }),
  };
}
