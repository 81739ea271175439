import type { GroupRequest, GroupResult } from '../../../sw/protocol/group.ts';
import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import type { AnsweredWrite } from '../../support/oracle.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import { fieldNames, type Command, type GroupPart } from './commands.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Page, PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';
import { unheard } from './write-actions.ts';

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly link: PageLink;
  readonly keys: KnownKeys;
}

/** A request of a group, and what it writes. */
interface Member {
  readonly part: GroupPart;
  readonly request: GroupRequest;
  /** Undefined: it is to be made. */
  readonly key: RecordKey | undefined;
  readonly fields: AnsweredWrite['fields'];
  readonly refers: { readonly field: string; readonly to: RecordKey } | null;
}

type Place = { readonly device: string; readonly user: string };

function closing({ chronicle, keys }: Parts, place: Place, part: GroupPart): Member | null {
  const table = part.table === 'tasks' ? 'tasks' : 'visits';
  const key = keys.of(table, part.key, place);
  if (key === undefined) return null;
  const stamp = chronicle.newValue(place.user);
  const request = { method: 'POST', url: `/api/${table}/${String(key)}/close`, body: { stamp } } as const;
  return { part: { ...part, table }, request, key, fields: { closed: stamp }, refers: null };
}

/** `named`: the task that is made before it in the group. */
function writing({ chronicle, keys }: Parts, place: Place, part: GroupPart, named: string | null): Member | null {
  const { table, fields, isRejected, refersTo } = part;
  if (part.method === 'close') return null;
  const isMade = referenceTables[table]?.serverKeys === true;
  const known = keys.of(table, part.key, place);
  const method = known === undefined ? 'POST' : part.method;
  const isNew = isMade && method === 'POST';
  const values = Object.fromEntries(fields.map((field) => [field, chronicle.newValue(place.user)]));
  const field = table === 'lines' ? 'taskId' : 'afterId';
  const task = refersTo === 0 ? undefined : (named ?? keys.of('tasks', refersTo - 1, place));
  const to = (isMade || table === 'lines') && method !== 'DELETE' ? task : undefined;
  const keyField = referenceTables[table]?.key ?? 'id';
  const record: JsonObject = {
    ...(method === 'PATCH' || isNew ? {} : { [keyField]: known ?? '' }),
    ...values,
    ...(isRejected ? { rating: 9 } : method === 'PATCH' ? {} : { rating: 1 }),
    ...(table === 'lines' && method !== 'PATCH' ? { visitId: 'k0' } : {}),
    ...(to === undefined ? {} : { [field]: to }),
  };
  const url = method === 'POST' ? `/api/${table}` : `/api/${table}/${String(known)}`;
  const cleared = method === 'PUT' ? fieldNames.filter((each) => !fields.includes(each)) : [];
  return {
    part,
    request: {
      ...{ method, url },
      ...(method === 'DELETE' ? {} : { body: record }),
      ...(isNew ? { as: `task${String(chronicle.tick())}` } : {}),
    },
    key: isNew ? undefined : known,
    fields: method === 'DELETE' ? null : { ...Object.fromEntries(cleared.map((each) => [each, ''])), ...values },
    refers: to === undefined ? null : { field, to },
  };
}

function membersOf(parts: Parts, place: Place, given: readonly GroupPart[]): Member[] {
  const members: Member[] = [];
  for (const part of given) {
    const named = members.findLast(({ request }) => request.as !== undefined)?.request.as;
    const member =
      part.method === 'close'
        ? closing(parts, place, part)
        : writing(parts, place, part, named === undefined ? null : `$${named}`);
    if (member !== null) members.push(member);
  }
  return members;
}

/** Writes several records and commands together, as a page does. */
export async function group(parts: Parts, page: Page, command: Extract<Command, { type: 'group' }>): Promise<void> {
  const { chronicle, signIns, link, keys } = parts;
  const user = signIns.userOf(page.device, page.id);
  if (user === null) return;
  const place = { device: page.device.name, user };
  const members = membersOf(parts, place, command.members);
  if (members.length === 0) return;
  const startedAt = chronicle.tick();
  let isRefused = false as boolean;
  const requests = members.map(({ request }) => request);
  const result: GroupResult | null = await link.call(
    page,
    'group',
    (methods) => methods.group(requests, command.withKey ? { idempotencyKey: `group-${startedAt}` } : {}),
    () => {
      isRefused = true;
    },
  );
  if (isRefused) return;
  const ended = result === null ? unheard : { endedAt: chronicle.tick() };
  const keyOf = (index: number): RecordKey => {
    const stored = result?.members[index];
    const made = stored?.type === 'record' ? stored.key : undefined;
    // Unheard, nobody knows by which key it goes.
    return members[index]?.key ?? made ?? `new-${startedAt}-${index}`;
  };
  const writes = members.map(({ part, fields, request, refers }, index) => {
    const { table } = part;
    const key = keyOf(index);
    const stored = result?.members[index];
    if (stored?.type === 'record') keys.learn(place, table, stored.record);
    const isCommand = part.method === 'close' ? ({ isCommand: true } as const) : {};
    const isNew = part.method === 'POST' ? ({ isNew: true } as const) : {};
    const write: AnsweredWrite = { ...place, table, key, fields, ...isCommand, ...isNew, startedAt, ...ended };
    chronicle.wrote(write);
    const named = members.findIndex((each) => `$${each.request.as ?? ''}` === refers?.to);
    const to = named < 0 ? refers?.to : keyOf(named);
    if (refers !== null && to !== undefined && request.method !== 'DELETE')
      chronicle.refers({ table, key, field: refers.field, to });
    return write;
  });
  if (result !== null) chronicle.groups.stored({ id: result.id, members: writes });
}
