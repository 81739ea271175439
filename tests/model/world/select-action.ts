import type { SelectedOutcome, SynchronizeResult } from '../../../sw/protocol/run.ts';
import { canonical } from '../../support/oracle.ts';
import type { ReferenceServer } from '../../support/reference/reference-server.ts';
import type { Chronicle } from './chronicle.ts';
import type { Command } from './commands.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Page, PageLink } from './page-link.ts';
import type { SignIns } from './sign-ins.ts';

type Select = Extract<Command, { readonly type: 'select' }>;

interface Parts {
  readonly chronicle: Chronicle;
  readonly link: PageLink;
  readonly server: ReferenceServer;
  readonly signIns: SignIns;
  readonly keys: KnownKeys;
}

/** Whether the server did something that the device asked for. */
function hasArrived({ server }: Parts, device: string, { table, key }: SelectedOutcome): boolean {
  return server.effects.of(table, server.keys.of(table, key)).some((effect) => effect.device === device);
}

/** Whether a record that is said to be as on the server was so at any time since the effect `from`; null: there is none to look at. */
function isFresh({ server }: Parts, from: number, { table, key, record }: SelectedOutcome): boolean | null {
  if (record === null || record === undefined) return null;
  const effects = server.effects.of(table, server.keys.of(table, key));
  const since = effects.slice(Math.max(0, from - 1)).map(({ after }) => after);
  return since.some((each) => each !== null && canonical(each) === canonical(record));
}

/** Synchronizes some records, and looks at what is said of each of them (S-03, S-04). */
export async function select(parts: Parts, page: Page, command: Select): Promise<void> {
  const { chronicle, link, server, signIns } = parts;
  const { tables, keys, includeParents, onBusy } = command;
  const place = { device: page.device.name, user: signIns.userOf(page.device, page.id) ?? '' };
  const chosen = new Map(
    tables.map((table) => {
      const known = keys.flatMap((index) => parts.keys.of(table, index, place) ?? []);
      // One record may be known by two keys.
      const byRecord = new Map(known.map((key) => [server.keys.of(table, key), key]));
      return [table, [...byRecord.values()]] as const;
    }),
  );
  const selection = Object.fromEntries(chosen);
  const options = { mode: 'selected', selection, includeParents, onBusy, onPartial: 'return' } as const;
  const startedAt = chronicle.tick();
  const before = new Map(
    [...chosen].flatMap(([table, own]) =>
      own.map((key) => [`${table} ${key}`, server.effects.of(table, server.keys.of(table, key)).length]),
    ),
  );
  const result: SynchronizeResult | null = await link.call(page, 'synchronize', (methods) =>
    methods.synchronize(`call-${chronicle.tick()}`, options),
  );
  if (result?.mode !== 'selected') return;
  const outcomes = result.selected ?? [];
  for (const [table, selected] of chosen) {
    for (const key of selected) {
      const name = server.keys.of(table, key);
      const own = outcomes.filter((each) => each.table === table && server.keys.of(table, each.key) === name);
      const where = `${table} ${String(key)} of ${result.user} on ${page.device.name}`;
      if (own.length !== 1) chronicle.complain('O6', `a selected run said ${own.length} things about ${where}`);
      for (const each of own) {
        const isSaid = each.outcome === 'uploaded' || each.outcome === 'deleted';
        if (isSaid && !hasArrived(parts, page.device.name, each))
          chronicle.complain('O1', `${where} is said to be ${each.outcome}, and is not on the server`);
        // A run that was joined has begun before, and what a page writes meanwhile is newer.
        const isComparable = onBusy !== 'join' && !chronicle.hasWritten(each, startedAt);
        const isSaidFresh = each.outcome === 'refreshed' || each.outcome === 'unchanged';
        if (isComparable && isSaidFresh && isFresh(parts, before.get(`${table} ${key}`) ?? 0, each) === false)
          chronicle.complain('O5', `${where} is said to be ${each.outcome}, and is older than that`);
      }
    }
  }
}
