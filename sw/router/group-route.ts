import type { Reply, WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import { isGroupRequest, type GroupOptions, type GroupRequest, type GroupResult } from '../protocol/group.ts';
import { isJsonObject, isShallow } from '../protocol/record.ts';
import { deleteRulesOf } from '../store/delete-rules.ts';
import type { ChangeBase } from '../store/format.ts';
import { writeGroup, type GroupWrite } from '../store/group-write.ts';
import { isSendable, isUploaded, type Schema } from '../store/schema.ts';
import { changedTables } from './changed-tables.ts';
import { expandMarks } from '../sync/expand-marks.ts';
import { fetchBase } from '../sync/fetch-base.ts';
import { reply } from '../sync/reply.ts';
import type { Session } from '../sync/session.ts';
import type { Sessions } from '../sync/sessions.ts';
import { sessionToWrite } from '../sync/signed-in.ts';
import { tellPending } from '../sync/state.ts';
import { newMutationId } from '../sync/new-mutation-id.ts';
import { nameRequest } from './current-keys.ts';
import { GroupNames, wrongRequest } from './group-names.ts';
import { fingerprint } from './identity.ts';
import { findCommand, findTable, namesOfCommand, type CommandPattern } from './match.ts';
import { prepareWrite, type Prepared } from './prepare-write.ts';

const largestGroup = 1000;
const largestText = 10 * 1024 * 1024;

export interface GroupOptionsOfWorker {
  readonly sessions: Sessions;
  readonly schema: Schema;
  readonly commands: readonly CommandPattern[];
  readonly origin: string;
}

function checkRequests(requests: unknown): readonly GroupRequest[] {
  if (!Array.isArray(requests) || requests.length === 0) {
    throw new SyncError('invalid-request', 'A group takes a list of one request or more. Nothing was stored.');
  }
  const checked = requests.map((request: unknown, index) => {
    if (!isGroupRequest(request)) throw wrongRequest(index, 'must have a method (POST, PUT, PATCH, DELETE) and a url');
    if (!isShallow(request.body)) throw wrongRequest(index, 'has a body that is nested more than 100 deep');
    return request;
  });
  if (checked.length > largestGroup || JSON.stringify(checked).length > largestText) {
    throw new SyncError('too-large', 'A group has at most 1000 requests and 10 MiB. Nothing was stored.');
  }
  return checked;
}

function checkKey(options: GroupOptions): string | null {
  const { idempotencyKey = null } = options;
  if (idempotencyKey !== null && (typeof idempotencyKey !== 'string' || idempotencyKey === '')) {
    throw new SyncError('invalid-request', 'idempotencyKey must be a text that is not empty. Nothing was stored.');
  }
  return idempotencyKey;
}

interface Member {
  readonly request: GroupRequest;
  readonly index: number;
  fetched: ChangeBase | null | undefined;
}

/** What is wrong with a record says of which request. */
function prepareMember(index: number, prepare: () => Prepared): Prepared {
  try {
    return prepare();
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    const hint = error.code === 'invalid-key' ? ' Others of the group can name a new record by its `as`.' : '';
    throw new SyncError(error.code, `Request ${index} of the group: ${error.message}${hint}`, { details: { index } });
  }
}

async function writeOf(
  session: Session,
  { schema, commands, origin }: GroupOptionsOfWorker,
  names: GroupNames,
  { request, index, fetched }: Member,
): Promise<GroupWrite> {
  const { method, body: asked = null, as: name } = request;
  const address = names.inAddress(request.url, index);
  const url = URL.canParse(address, origin) ? new URL(address, origin) : null;
  if (url === null) throw wrongRequest(index, `has an address that is none: ${address}`);
  const command = findCommand(commands, method, url, origin);
  if (command !== null) {
    if (name !== undefined) throw wrongRequest(index, 'gives a name (as) to no new record: it is a command');
    const body = names.inCommand(asked, index);
    const named = namesOfCommand(schema, command, url, body);
    const path = `${url.pathname}${url.search}`;
    const row = { mutationId: newMutationId(session), method, path, body, names: named };
    const madeAt = session.environment.now();
    return { type: 'command', command: { ...row, state: 'pending', attempts: 0, madeAt } };
  }
  const target = findTable(schema, url, origin);
  if (target === null) throw wrongRequest(index, `names no declared table or command: ${method} ${url.pathname}`);
  const { table, key } = target;
  if (!isSendable(table) || !isUploaded(table) || table.scope === 'online') {
    throw new SyncError('unsupported', `Changes of ${table.name} are not sent with others. Nothing was stored.`, {
      details: { index },
    });
  }
  if ((method === 'POST') !== (key === null)) throw wrongRequest(index, `cannot be a ${method} of ${url.pathname}`);
  if (method !== 'DELETE' && !isJsonObject(asked)) throw wrongRequest(index, 'has a body that is no record');
  const body = names.inRecord(asked, table.references, index);
  const given = method === 'DELETE' ? null : { text: JSON.stringify(body), value: body };
  const { key: currentKey, body: current, aliases } = await nameRequest(session, table, key, given);
  const prepared = prepareMember(index, () => prepareWrite(session, table, currentKey, method, current));
  if (name !== undefined) names.make(name, table.name, prepared.key);
  const write = {
    ...{ table: table.name, ...prepared, mutationId: newMutationId(session), schema: schema.version },
    ...(aliases === undefined ? {} : { aliases }),
    ...(fetched === undefined ? {} : { fetched }),
  };
  const newId = (): ReturnType<typeof newMutationId> => newMutationId(session);
  const rules = method === 'DELETE' ? deleteRulesOf(session, table, { key: prepared.key, newMutationId: newId }) : null;
  return { type: 'record', write, rules };
}

function refusal(
  code: 'exists' | 'not-found',
  index: number,
  { write }: Extract<GroupWrite, { type: 'record' }>,
): SyncError {
  const record = `${write.table} ${String(write.key)}`;
  const problem = code === 'exists' ? `There is a record ${record} already` : `There is no record ${record}`;
  return new SyncError(code, `${problem} (request ${index} of the group). Nothing of the group was stored.`, {
    details: { index, table: write.table, key: write.key },
  });
}

function announceStored(session: Session, writes: readonly GroupWrite[]): void {
  const records = writes.filter((member) => member.type === 'record');
  const removed = records.filter(({ write }) => write.operation === 'delete').map(({ write }) => write);
  const changed = records.filter(({ write }) => write.operation !== 'delete').map(({ write }) => write);
  const others = records.flatMap(({ rules }) => rules?.changed ?? []);
  session.announce({ type: 'changed', source: 'local', tables: changedTables([...changed, ...others], removed) });
}

async function storeGroup(
  session: Session,
  options: GroupOptionsOfWorker,
  requests: readonly GroupRequest[],
  key: string | null,
): Promise<GroupResult | string> {
  const { environment, database, base, schema } = session;
  const bodyHash = fingerprint(JSON.stringify(requests));
  const [id, dispatch] = [newMutationId(session), environment.newId()];
  const request = {
    ...{ hash: key ?? dispatch, explicit: key !== null, bodyHash, dispatch },
    incarnation: environment.incarnation,
  };
  const members = requests.map((asked, index): Member => ({ request: asked, index, fetched: undefined }));
  for (;;) {
    const writes: GroupWrite[] = [];
    const names = new GroupNames(schema, requests);
    for (const member of members) writes.push(await writeOf(session, options, names, member));
    await expandMarks(session);
    const stored = await writeGroup({ database, base, schema, id, request, now: environment.now() }, writes);
    switch (stored.type) {
      case 'stored':
        announceStored(session, writes);
        return stored.result;
      case 'repeated':
        return stored.body;
      case 'request-changed':
        throw new SyncError(
          'request-changed',
          'This idempotency key was used for another request. Nothing was stored; take a new key.',
        );
      case 'refused': {
        const member = writes[stored.index];
        if (member?.type !== 'record') throw new TypeError('A command is not refused.');
        throw refusal(stored.code, stored.index, member);
      }
      case 'unknown-base': {
        const [member, write] = [members[stored.index], writes[stored.index]];
        const table = write?.type === 'record' ? schema.tables.get(write.write.table) : undefined;
        if (member === undefined || write?.type !== 'record' || table === undefined) throw new TypeError('No member.');
        member.fetched = write.write.operation === 'create' ? null : await fetchBase(session, table, write.write.key);
        break;
      }
      case 'renamed':
        // Their keys are looked up again.
        break;
    }
  }
}

/** What a page's call for an atomic group does. */
export function createGroupMethods(options: GroupOptionsOfWorker): Pick<WorkerMethods, 'group'> {
  const group = async (requests: unknown, given: GroupOptions): Promise<GroupResult> => {
    const session = await sessionToWrite(options.sessions);
    if (!session.backend.atomicGroups) {
      throw new SyncError(
        'unsupported',
        'This backend sends each change by itself and cannot have several taken together. Nothing was stored; make the writes one by one, or take batchBackend.',
      );
    }
    const result = await storeGroup(session, options, checkRequests(requests), checkKey(given));
    await tellPending(session);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- stored as this very result
    return typeof result === 'string' ? (JSON.parse(result) as GroupResult) : result;
  };
  return { group: (requests, given): Promise<Reply<GroupResult>> => reply(() => group(requests, given)) };
}
