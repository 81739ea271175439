import type { ImportResult } from '../protocol/unsent.ts';
import { compareKeys, type RecordKey } from '../protocol/record.ts';
import { aliasFields, currentKey, withCurrentCommand, withCurrentKeys } from '../store/aliases.ts';
import { rowsOf, withCommandState, withState } from '../store/changes.ts';
import type { WriteTransaction } from '../store/database.ts';
import type { ChangeRow, CommandRow, FailureRow, StoreName } from '../store/format.ts';
import { packMarks, readMarks, writeMarks } from '../store/marks.ts';
import { setMeta, takeNumbers } from '../store/meta.ts';
import { migrateRow } from '../store/migrate-row.ts';
import { appOf } from './export-unsent.ts';
import { isAddressable } from '../store/schema.ts';
import { MovedNames } from '../store/moved-names.ts';
import { parseStored } from '../store/rebase.ts';
import type { Session } from './session.ts';
import { brokenGroups, placeGroups } from './import-groups.ts';
import { unknownChange, unknownCommand } from './unknown-outcomes.ts';
import { parseUnsentFile, type UnsentFile } from './unsent-file.ts';

const importScope: StoreName[] = [
  'changes',
  'commands',
  'drafts',
  'failures',
  'heads',
  'marks',
  'meta',
  'imported',
  'aliases',
];

const maybeSent =
  'It may have been sent since it was exported, by the device that has it too. Send it only if it did not arrive.';

interface Fitted {
  readonly row: ChangeRow;
  /** As the present schema has it; null: it does not fit. */
  readonly next: ChangeRow | null;
}

function fit(session: Session, rows: readonly ChangeRow[]): Promise<Fitted[]> {
  const { schema, migrate } = session;
  return Promise.all(
    rows.map(async (row) => {
      if (row.schema < schema.version) return { row, next: await migrateRow(row, schema, migrate) };
      return { row, next: schema.tables.has(row.table) && isAddressable(row.key) ? row : null };
    }),
  );
}

/** A row under the keys that its records have here by now (U-08). */
async function withNames(tx: WriteTransaction, { schema }: Session, { row, next }: Fitted): Promise<Fitted> {
  const table = next === null ? undefined : schema.tables.get(next.table);
  if (next === null || table === undefined || aliasFields(schema, table).length === 0) return { row, next };
  const text = async (of: string): Promise<string> => {
    const record = parseStored(of);
    const named = await withCurrentKeys(tx, schema, table, record);
    return named === record ? of : JSON.stringify(named);
  };
  // A create is settled as a repeat under the key that it was sent with, and replaced then.
  if (next.operation === 'create' && next.seq > 0) return { row, next };
  const key = await currentKey(tx, table, next.key);
  const own = next.text === null ? null : await text(next.text);
  const base = next.base === null ? null : { ...next.base, text: await text(next.base.text) };
  return { row, next: { ...next, key, text: own, base } };
}

/** One import, in one transaction. */
class Import {
  readonly #tx: WriteTransaction;
  readonly #session: Session;
  readonly #file: UnsentFile;
  /** What is to get a place behind all that is here, by its place in the file. */
  readonly #appended: (ChangeRow | CommandRow)[] = [];
  /** The ids of the changes that are held, whatever their record is called now. */
  readonly #held = new Set<string>();
  /** Groups of which not all can be taken over. */
  #broken: ReadonlySet<string> = new Set();
  readonly #counts = { changes: 0, commands: 0, drafts: 0, failures: 0, skipped: 0 };

  constructor(tx: WriteTransaction, session: Session, file: UnsentFile) {
    this.#tx = tx;
    this.#session = session;
    this.#file = file;
  }

  async run(changes: readonly Fitted[], drafts: readonly Fitted[]): Promise<ImportResult> {
    const byRecord = new Map<string, Fitted[]>();
    for (const change of changes) {
      const { table, key } = change.next ?? change.row;
      const id = JSON.stringify([table, key]);
      byRecord.set(id, [...(byRecord.get(id) ?? []), change]);
    }
    this.#broken = await brokenGroups(this.#tx, changes, this.#file.commands);
    for (const rows of byRecord.values()) await this.#takeRecord(rows);
    const names = new MovedNames();
    for (const { row, next } of changes) if (next !== null) names.add(row, next);
    for (const command of this.#file.commands) await this.#takeCommand(names.inCommand(command));
    const places = await this.#append();
    for (const draft of drafts) await this.#takeDraft(draft);
    for (const failure of this.#file.failures) await this.#takeFailure(failure, places);
    return this.#counts;
  }

  async #isNew(id: string): Promise<boolean> {
    const store = this.#tx.objectStore('imported');
    if ((await store.getKey(id)) !== undefined) return false;
    await store.put(this.#session.environment.now(), id);
    return true;
  }

  async #takeRecord(rows: readonly Fitted[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const { table, key } = first.next ?? first.row;
    const here = await rowsOf(this.#tx, table, key);
    const known = new Set(here.map((row) => row.mutationId));
    const wanted: Fitted[] = [];
    for (const each of rows) {
      if ((await this.#isNew(each.row.mutationId)) && !known.has(each.row.mutationId)) wanted.push(each);
      else this.#counts.skipped += 1;
    }
    const last = wanted.toSorted((a, b) => a.row.seq - b.row.seq).at(-1);
    if (last === undefined) return;
    if (wanted.some(({ next }) => next === null)) await this.#park(last.row, 'schema');
    // What was changed here is another version of the work, and nobody can tell which one is wanted.
    else if (here.length > 0 || wanted.some(({ row }) => this.#isBroken(row))) await this.#park(last.row, 'superseded');
    else {
      for (const { row, next } of wanted) {
        if (next !== null && this.#file.held[row.table]?.includes(row.key) === true) this.#held.add(next.mutationId);
        if (next !== null) this.#appended.push(next);
      }
    }
  }

  #isBroken({ group }: ChangeRow | CommandRow): boolean {
    return group !== undefined && this.#broken.has(group.id);
  }

  async #takeCommand(command: CommandRow): Promise<void> {
    const here = await this.#tx.objectStore('commands').getAll();
    const isHere = here.some((row) => row.mutationId === command.mutationId);
    if (!(await this.#isNew(command.mutationId)) || isHere) this.#counts.skipped += 1;
    else if (this.#isBroken(command)) await this.#parkCommand(command);
    else this.#appended.push(await withCurrentCommand(this.#tx, this.#session.schema, command));
  }

  /** Gives all that is new its place, in the order in which it was made; nothing later is joined with it (SPEC I-3). */
  async #append(): Promise<ReadonlyMap<number, ChangeRow | CommandRow>> {
    const places = new Map<number, ChangeRow | CommandRow>();
    const rows = this.#appended.toSorted((a, b) => a.seq - b.seq);
    if (rows.length === 0) return places;
    let seq = await takeNumbers(this.#tx, 'seq', rows.length);
    const held: ChangeRow[] = [];
    const groups = placeGroups(rows, seq);
    for (const appended of rows) {
      const group = appended.group === undefined ? undefined : groups.get(appended.group.id);
      const placed = group === undefined ? appended : { ...appended, group };
      const row = await this.#asMaybeSent(placed, seq);
      places.set(row.seq, { ...row, seq });
      if ('method' in row) {
        // What it waited for may be settled here: it is looked at anew.
        const waiting = row.state === 'blocked' ? withCommandState(row, 'pending') : row;
        await this.#tx.objectStore('commands').put({ ...waiting, seq });
        this.#counts.commands += 1;
      } else {
        const waiting = row.state === 'blocked' ? withState(row, 'pending') : row;
        await this.#tx.objectStore('changes').put({ ...waiting, seq });
        this.#counts.changes += 1;
        if (this.#held.has(row.mutationId)) held.push(row);
      }
      seq += 1;
    }
    await setMeta(this.#tx, 'sealedThrough', seq - 1);
    await setMeta(this.#tx, 'exportedThrough', seq - 1);
    for (const table of new Set(held.map((row) => row.table))) {
      await this.#hold(
        table,
        held.filter((row) => row.table === table).map((row) => row.key),
      );
    }
    return places;
  }

  /** Where it was exported it may have been sent since: a server without idempotency would do it once more (SPEC N-8). */
  async #asMaybeSent(row: ChangeRow | CommandRow, seq: number): Promise<ChangeRow | CommandRow> {
    if (this.#session.backend.idempotent || (row.state !== 'pending' && row.state !== 'blocked')) return row;
    const sent = { device: this.#file.device, run: '', message: maybeSent };
    const unknown =
      'method' in row ? unknownCommand(this.#session, row, sent) : unknownChange(this.#session, row, sent);
    if (unknown === null) return row;
    await this.#tx.objectStore('failures').put({ ...unknown.failure, seq });
    this.#counts.failures += 1;
    return unknown.row;
  }

  async #hold(table: string, keys: readonly RecordKey[]): Promise<void> {
    const { base } = this.#session;
    const head = await base.readHead(this.#tx, table);
    const all = new Set([...(await readMarks(this.#tx, base, head, 'hold')), ...keys]);
    await writeMarks(this.#tx, head, { hold: packMarks('hold', [...all].sort(compareKeys)) });
  }

  async #takeDraft({ row, next }: Fitted): Promise<void> {
    const here = await this.#tx.objectStore('drafts').get([(next ?? row).table, (next ?? row).key]);
    if (!(await this.#isNew(row.mutationId)) || here?.mutationId === row.mutationId) {
      this.#counts.skipped += 1;
      return;
    }
    if (next === null) await this.#park(row, 'schema');
    else if (here !== undefined) await this.#park(row, 'superseded');
    else {
      await this.#tx.objectStore('drafts').put(next);
      this.#counts.drafts += 1;
    }
  }

  async #takeFailure(failure: FailureRow, places: ReadonlyMap<number, ChangeRow | CommandRow>): Promise<void> {
    const here = await this.#tx.objectStore('failures').getKey(failure.id);
    if (!(await this.#isNew(`failure:${failure.id}`)) || here !== undefined) {
      this.#counts.skipped += 1;
      return;
    }
    const row = failure.seq === null ? undefined : places.get(failure.seq);
    const { table, key } = row === undefined || 'method' in row ? failure : row;
    const retriable = failure.retriable && row !== undefined;
    await this.#tx.objectStore('failures').put({ ...failure, table, key, seq: row?.seq ?? null, retriable });
    this.#counts.failures += 1;
  }

  /** As `#park`, of a command whose group cannot be taken over whole. */
  async #parkCommand({ mutationId, method, path, body }: CommandRow): Promise<void> {
    const { environment, user } = this.#session;
    const message = 'Its group could not be taken over whole, so nothing of it is sent. Its content is kept here.';
    await this.#tx.objectStore('failures').put({
      ...{ id: `import:${mutationId}`, table: '', key: mutationId, operation: 'command', code: 'superseded', message },
      ...{ content: { method, path, body }, base: null, user, device: this.#file.device, run: '' },
      ...{ at: environment.now(), retriable: false, seq: null, reported: 0 },
    });
    this.#counts.failures += 1;
  }

  /** Keeps what cannot stand as a change here, to be looked at. */
  async #park(row: ChangeRow, code: 'schema' | 'superseded'): Promise<void> {
    const { environment, user } = this.#session;
    const { table, key, operation, text, base, mutationId } = row;
    const message =
      code === 'schema'
        ? 'It was made with another version of the app, and does not fit this one. Its content is kept here.'
        : 'This device has other work on the same record, which was kept. The imported content is kept here.';
    await this.#tx.objectStore('failures').put({
      ...{ id: `import:${mutationId}`, table, key, operation, code, message, user },
      content: text === null ? null : parseStored(text),
      base: base === null ? null : parseStored(base.text),
      ...{ device: this.#file.device, run: '', at: environment.now(), retriable: false, seq: null, reported: 0 },
    });
    this.#counts.failures += 1;
  }
}

/**
 * Takes over unsent work that was exported here or on another device, all of it or, if the file is wrong, nothing. On disk when the
 * promise settles. Safe to repeat: what is here or was imported before is skipped, and what the server has got by another way has no
 * second effect, since mutation ids travel along.
 */
export async function importUnsent(session: Session, text: string): Promise<ImportResult> {
  const { database, schema, user } = session;
  const file = parseUnsentFile(text, { app: appOf(session), user, schema: schema.version });
  const [changes, drafts] = await Promise.all([fit(session, file.changes), fit(session, file.drafts)]);
  return database.write(importScope, async (tx) => {
    const named = (all: readonly Fitted[]): Promise<Fitted[]> =>
      Promise.all(all.map((each) => withNames(tx, session, each)));
    return new Import(tx, session, file).run(await named(changes), await named(drafts));
  });
}
