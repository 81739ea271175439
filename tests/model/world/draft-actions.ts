import { withContentNamed } from '../../support/oracle-files.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import { fieldNames, type Command } from './commands.ts';
import { newContent } from './file-actions.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Page, PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';

type DraftCommand = Extract<Command, { readonly type: 'draft' }>;

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly link: PageLink;
  readonly keys: KnownKeys;
}

const never = Number.POSITIVE_INFINITY;
const bytesInFile = 12;

/** Writes a draft, commits it or gives it up, where it is known whose it is. */
export async function draft(
  { chronicle, signIns, link, keys }: Parts,
  page: Page,
  command: DraftCommand,
): Promise<void> {
  const { table, what, fields } = command;
  const device = page.device.name;
  const user = signIns.userOf(page.device, page.id);
  if (user === null) return;
  const key = keys.of(table, command.key, { device, user });
  if (key === undefined) return;
  const place = { device, user, table, key };
  const startedAt = chronicle.tick();
  let isRefused = false as boolean;
  const onRefused = (): void => {
    isRefused = true;
  };
  const { file } = referenceTables[table] ?? {};
  switch (what) {
    case 'attach': {
      if (file === undefined) return;
      const { value, content } = newContent({ chronicle }, user, bytesInFile);
      const path = `/api/${table}/${String(key)}/${file}`;
      const wrote = (endedAt: number): void =>
        chronicle.drafts.wrote({ place, values: { [file]: value }, startedAt, endedAt });
      link.fetch(
        page,
        { method: 'PUT', path, body: content, idempotencyKey: null, contentType: 'text/plain', isDraft: true },
        (answer) => {
          if (answer.status < 300) wrote(chronicle.tick());
        },
        () => wrote(never),
      );
      return;
    }
    case 'write': {
      const values = Object.fromEntries(fields.map((field) => [field, chronicle.newValue(user)]));
      const keyField = referenceTables[table]?.key ?? 'id';
      const record = { [keyField]: key, ...values, rating: 1, ...(table === 'lines' ? { visitId: 'k0' } : {}) };
      const written = await link.call(page, 'draft', (methods) => methods.draft(table, record), onRefused);
      if (!isRefused)
        chronicle.drafts.wrote({ place, values, startedAt, endedAt: written === null ? never : chronicle.tick() });
      return;
    }
    case 'commit': {
      chronicle.drafts.commits(place, startedAt);
      const record = await link.call(page, 'commit', (methods) => methods.commit(table, key), onRefused);
      if (isRefused) return;
      // Unheard, it may have replaced any field.
      const mayBeSet = file === undefined ? fieldNames : [...fieldNames, file];
      const nothing = Object.fromEntries(mayBeSet.map((field) => [field, '']));
      const named = record === null ? null : withContentNamed(record, chronicle.contents);
      const set = named === null ? nothing : chronicle.drafts.committed(place, named, mayBeSet);
      const ended = record === null ? { endedAt: never, isUnheard: true } : { endedAt: chronicle.tick() };
      chronicle.wrote({ ...place, fields: set, startedAt, ...ended });
      return;
    }
    case 'discard': {
      const isDone = await link.call(page, 'discardDraft', (methods) => methods.discardDraft(table, key), onRefused);
      if (!isRefused)
        chronicle.drafts.discarded({ place, startedAt, endedAt: isDone === null ? never : chronicle.tick() });
    }
  }
}
