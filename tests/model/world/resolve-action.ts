import type { Conflict } from '../../../sw/protocol/conflict.ts';
import type { JsonRecord } from '../../../sw/protocol/record.ts';
import type { Chronicle } from './chronicle.ts';
import type { Command } from './commands.ts';
import type { Page, PageLink } from './page-link.ts';

type Resolve = Extract<Command, { readonly type: 'resolve' }>;

/** What the user changed, in the server's copy. */
function withBoth({ base, local, server }: Conflict): JsonRecord | null {
  if (local === null || server === null) return server;
  const names = new Set([...Object.keys(base ?? {}), ...Object.keys(local)]);
  const changed = [...names].filter((name) => JSON.stringify(base?.[name]) !== JSON.stringify(local[name]));
  const taken = new Map(Object.entries(server));
  for (const name of changed) {
    const value = local[name];
    if (value === undefined) taken.delete(name);
    else taken.set(name, value);
  }
  return Object.fromEntries(taken);
}

/** Chooses, of a conflict, the server's copy or what both have changed. */
export async function resolve(
  { link, chronicle }: { readonly link: PageLink; readonly chronicle: Chronicle },
  page: Page,
  { choice, index }: Resolve,
): Promise<void> {
  const conflicts = await link.call(page, 'conflicts', (methods) => methods.conflicts());
  const conflict = conflicts?.[index];
  if (conflict === undefined) return;
  const { id, table, key, local, server } = conflict;
  const isServers = choice === 'server' || local === null || server === null;
  const record = isServers ? server : withBoth(conflict);
  const isDone = await link.call(page, 'resolve', (methods) => methods.resolve(id, record));
  // Unheard, it may have been done.
  if (isDone === false || !isServers) return;
  if (local === null) chronicle.discardDeletion({ device: page.device.name, table, key });
  else chronicle.excuse(local);
}
