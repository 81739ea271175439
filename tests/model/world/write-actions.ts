import type { JsonObject } from '../../../sw/protocol/record.ts';
import type { AnsweredWrite } from '../../support/oracle.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import { fieldNames, type Command, type User } from './commands.ts';
import type { KnownKeys } from './known-keys.ts';
import { objectOf, parsedText, type Page, type PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly link: PageLink;
  readonly keys: KnownKeys;
}

/** It may be stored as long as a worker has it. */
export const unheard = { endedAt: Number.POSITIVE_INFINITY, isUnheard: true } as const;

function authorOf({ signIns }: Parts, { device, id }: Page): User | '' {
  return signIns.userOf(device, id) ?? '';
}

/** Writes a record as a page does; where it knows of none whose key the server makes, a new one. */
export function write(parts: Parts, page: Page, command: Of<'write'>): void {
  const { chronicle, link, keys } = parts;
  const { table, fields, isRejected, withKey, refersTo } = command;
  const author = authorOf(parts, page);
  const place = { device: page.device.name, user: author };
  const isMade = referenceTables[table]?.serverKeys === true;
  const known = keys.of(table, command.key, place);
  const method = known === undefined ? 'POST' : command.method;
  const isNew = isMade && method === 'POST';
  const values = Object.fromEntries(fields.map((field) => [field, chronicle.newValue(author)]));
  const keyField = referenceTables[table]?.key ?? 'id';
  const task = refersTo === 0 ? undefined : keys.of('tasks', refersTo - 1, place);
  const reference = table === 'lines' ? 'taskId' : 'afterId';
  const refers = isMade || table === 'lines' ? task : undefined;
  const extra: JsonObject = {
    ...(isRejected ? { rating: 9 } : method === 'PATCH' ? {} : { rating: 1 }),
    ...(table === 'lines' && method !== 'PATCH' ? { visitId: 'k0' } : {}),
    ...(refers === undefined ? {} : { [reference]: refers }),
  };
  const record = { ...(method === 'PATCH' || isNew ? {} : { [keyField]: known ?? '' }), ...values, ...extra };
  const startedAt = chronicle.tick();
  const path = method === 'POST' ? `/api/${table}` : `/api/${table}/${String(known)}`;
  const body = method === 'DELETE' ? null : JSON.stringify(record);
  const idempotencyKey = withKey ? `key-${startedAt}` : null;
  // A PUT or POST sets every field; those that it does not name are taken away.
  const cleared = method === 'PUT' ? fieldNames.filter((field) => !fields.includes(field)) : [];
  const set = method === 'DELETE' ? null : { ...Object.fromEntries(cleared.map((field) => [field, ''])), ...values };
  const wrote = (user: User, key: AnsweredWrite['key'], ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void => {
    const made = method === 'POST' ? ({ isNew: true } as const) : {};
    chronicle.wrote({ device: page.device.name, user, table, key, fields: set, ...made, startedAt, ...ended });
    if (refers !== undefined && method !== 'DELETE') chronicle.refers({ table, key, field: reference, to: refers });
  };
  // Nobody knows by which key it goes.
  const unknown = `new-${startedAt}`;
  link.fetch(
    page,
    { method, path, body, idempotencyKey },
    (answer, user) => {
      if (answer.status >= 300) return;
      const made = isNew ? objectOf(parsedText(answer.text)) : null;
      const key = isNew ? made?.[keyField] : known;
      if (typeof key !== 'string' && typeof key !== 'number') {
        chronicle.complain('O6', `a new record of ${table} was answered without its key`);
        return;
      }
      if (isNew) keys.learn({ device: page.device.name, user }, table, made);
      wrote(user, key, { endedAt: chronicle.tick() });
    },
    (user) => wrote(user, isNew ? unknown : (known ?? unknown), unheard),
  );
}

/** Sends a command about a record. */
export function close(parts: Parts, page: Page, command: Of<'close'>): void {
  const { chronicle, link, keys } = parts;
  const { table } = command;
  const author = authorOf(parts, page);
  const place = { device: page.device.name, user: author };
  const key = keys.of(table, command.key, place);
  if (key === undefined) return;
  const stamp = chronicle.newValue(author);
  const startedAt = chronicle.tick();
  const body = JSON.stringify({ stamp, ...(table === 'tasks' ? { task: key } : {}) });
  const request = { method: 'POST', path: `/api/${table}/${String(key)}/close`, body, idempotencyKey: null };
  const wrote = (user: User, ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void => {
    const where = { device: page.device.name, user, table, key };
    chronicle.wrote({ ...where, fields: { closed: stamp }, isCommand: true, startedAt, ...ended });
  };
  link.fetch(
    page,
    request,
    (answer, user) => {
      if (answer.status === 202) wrote(user, { endedAt: chronicle.tick() });
    },
    (user) => wrote(user, unheard),
  );
}
