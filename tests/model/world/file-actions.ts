import type { AnsweredWrite } from '../../support/oracle.ts';
import { hashOfText } from '../../support/reference/contents.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import type { Command, User } from './commands.ts';
import type { KnownKeys } from './known-keys.ts';
import { objectOf, parsedText, type Page, type PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';
import { unheard } from './write-actions.ts';

type FileCommand = Extract<Command, { readonly type: 'file' }>;

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly link: PageLink;
  readonly keys: KnownKeys;
}

const boundary = 'edge-of-a-part';

function formOf(record: object, content: string): string {
  const part = (head: string, body: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
  const type = 'Content-Type: text/plain';
  return [
    part('name="record"', JSON.stringify(record)),
    part(`name="photo"; filename="photo.txt"\r\n${type}`, content),
    `--${boundary}--\r\n`,
  ].join('');
}

/** What a page does with the file of a record. */
export function file(parts: Parts, page: Page, command: FileCommand): void {
  const { signIns, keys } = parts;
  const { table, what } = command;
  const user = signIns.userOf(page.device, page.id) ?? '';
  const key = keys.of(table, command.key, { device: page.device.name, user });
  if (what === 'form' || key === undefined) sendForm(parts, page, command, user);
  else if (what === 'read') read(parts, page, { table, key });
  else put(parts, page, { ...command, key }, user);
}

/** A content that nobody has written yet, and the value by which it is known. */
export function newContent(
  { chronicle }: Pick<Parts, 'chronicle'>,
  author: User | '',
  bytes: number,
): { value: string; content: string } {
  const value = chronicle.newValue(author);
  const content = value + '.'.repeat(bytes);
  chronicle.contents.set(hashOfText(content), value);
  return { value, content };
}

/** Replaces the file, or takes it away. */
function put(
  parts: Parts,
  page: Page,
  { table, key, what, bytes }: Pick<FileCommand, 'table' | 'what' | 'bytes'> & Pick<AnsweredWrite, 'key'>,
  author: User | '',
): void {
  const { chronicle, link } = parts;
  const { value, content } = what === 'remove' ? { value: '', content: '' } : newContent(parts, author, bytes);
  const startedAt = chronicle.tick();
  const path = `/api/${table}/${String(key)}`;
  const request =
    what === 'remove'
      ? { method: 'PATCH', path, body: JSON.stringify({ photo: null }), idempotencyKey: null }
      : { method: 'PUT', path: `${path}/photo`, body: content, idempotencyKey: null, contentType: 'text/plain' };
  const wrote = (user: User, ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void =>
    chronicle.wrote({ device: page.device.name, user, table, key, fields: { photo: value }, startedAt, ...ended });
  link.fetch(
    page,
    request,
    (answer, user) => {
      if (answer.status < 300) wrote(user, { endedAt: chronicle.tick() });
    },
    (user) => wrote(user, unheard),
  );
}

/** Makes a record with its file. */
function sendForm(parts: Parts, page: Page, command: FileCommand, author: User | ''): void {
  const { chronicle, link, keys } = parts;
  const { table, bytes, refersTo } = command;
  const place = { device: page.device.name, user: author };
  const isMade = referenceTables[table]?.serverKeys === true;
  const given = isMade ? undefined : keys.of(table, command.key, place);
  const task = isMade && refersTo > 0 ? keys.of('tasks', refersTo - 1, place) : undefined;
  const a = chronicle.newValue(author);
  const { value, content } = newContent(parts, author, bytes);
  const record = {
    ...(given === undefined ? {} : { id: given }),
    ...{ a, rating: 1 },
    ...(task === undefined ? {} : { afterId: task }),
  };
  const startedAt = chronicle.tick();
  const contentType = `multipart/form-data; boundary=${boundary}`;
  const request = { method: 'POST', path: `/api/${table}`, body: formOf(record, content), contentType };
  const wrote = (user: User, key: AnsweredWrite['key'], ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void => {
    chronicle.wrote({
      ...{ device: page.device.name, user, table, key, startedAt },
      fields: { a, photo: value },
      ...ended,
    });
    if (task !== undefined) chronicle.refers({ table, key, field: 'afterId', to: task });
  };
  link.fetch(
    page,
    { ...request, idempotencyKey: null },
    (answer, user) => {
      if (answer.status >= 300) return;
      const made = objectOf(parsedText(answer.text));
      const key = made?.['id'];
      if (typeof key !== 'string' && typeof key !== 'number') {
        chronicle.complain('O6', `a form of ${table} was answered without its key`);
        return;
      }
      keys.learn({ device: page.device.name, user }, table, made);
      wrote(user, key, { endedAt: chronicle.tick() });
    },
    (user) => wrote(user, given ?? `new-${startedAt}`, unheard),
  );
}

/** Reads a file: what comes from here is whole, and is what somebody wrote who may be seen. */
function read({ chronicle, link }: Parts, page: Page, where: Pick<AnsweredWrite, 'table' | 'key'>): void {
  const { table, key } = where;
  const path = `/api/${table}/${String(key)}/photo`;
  link.fetch(page, { method: 'GET', path, body: null, idempotencyKey: null }, (answer, user) => {
    if (answer.status !== 200 || answer.headers.get('Sync-Source') !== 'local') return;
    const value = chronicle.contents.get(hashOfText(answer.text));
    const what = `the file of ${table} ${key} on ${page.device.name}`;
    if (value === undefined) chronicle.complain('O5', `${what} is ${answer.text}, which nobody wrote`);
    else if (chronicle.authorOf(value) !== user) chronicle.complain('O7', `${what} is not ${user}’s`);
  });
}
