import type { Json, JsonObject, RecordKey } from '../../sw/protocol/record.ts';
import type { Effect } from './reference/ledger.ts';

/** A write of a page that was answered with success. Times are steps of one clock for all devices of the test. */
export interface AnsweredWrite {
  readonly device: string;
  readonly user: string;
  readonly table: string;
  readonly key: RecordKey;
  /** What each field was set to. Values are unique over the test, so that each tells who wrote it. Null: deleted. */
  readonly fields: Readonly<Record<string, string>> | null;
  /** A command shows in the record only when the server has run it. */
  readonly isCommand?: boolean;
  /** It made the record, of which its device knew nothing then: what others wrote of it before may be shown again, or not. */
  readonly isNew?: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
  /**
   * It names a new record by its temporary key, of which it was said that it is for later, though the server had it: nothing tells its
   * device that what names it by the server's key means the same one.
   */
  readonly isPutOff?: boolean;
  /** Its page never heard of it: it may have been stored, or not. No claim is made of it, but it can replace what was there. */
  readonly isUnheard?: boolean;
}

/** A page's read that was answered: the record, or null where it was said that there is none. */
export interface AnsweredRead {
  readonly device: string;
  readonly user: string;
  readonly table: string;
  readonly key: RecordKey;
  readonly record: JsonObject | null;
  /** The network may know more than what is here: it has an order of its own. */
  readonly isFromNetwork?: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** What one user's database on one device holds when everything is quiet. */
export interface DeviceState {
  readonly device: string;
  readonly user: string;
  /** Contents of changes and commands that are still there, as JSON text. */
  readonly unsent: readonly {
    readonly table: string;
    readonly key: RecordKey;
    readonly state: string;
    readonly text: string;
  }[];
  /** Contents of failures, as JSON text. */
  readonly failures: readonly {
    readonly table: string;
    readonly key: RecordKey;
    readonly operation: string;
    readonly text: string;
  }[];
  /** Contents of drafts, as JSON text. */
  readonly drafts?: readonly { readonly table: string; readonly key: RecordKey; readonly text: string }[];
  /** What a page sees, by table and key. */
  readonly records: Readonly<Record<string, ReadonlyMap<RecordKey, JsonObject>>>;
}

export interface Evidence {
  readonly writes: readonly AnsweredWrite[];
  readonly reads: readonly AnsweredRead[];
  readonly effects: readonly Effect[];
  readonly devices: readonly DeviceState[];
  /** The server's records that a user may read, by table and key. */
  readonly server: (user: string, table: string) => ReadonlyMap<RecordKey, JsonObject>;
  readonly tables: readonly string[];
  /** Who wrote a value: for values that no page was answered for, too. */
  readonly authorOf: (value: string) => string | undefined;
  /** Values that a user threw away: nothing is claimed of them. */
  readonly isExcused: (value: string) => boolean;
  /**
   * Whether the effect, by its place among all, may come from a record that its device had marked to be sent as it is
   * (K-03), after `since` if that is given: then a value may come back, whoever wrote it.
   */
  readonly mayResend?: (effect: Effect, index: number, since?: number) => boolean;
  /** Whether a user threw away what had become of a deletion. */
  readonly isDiscarded: (deletion: AnsweredWrite) => boolean;
  /** Whether the device had cleared what was written before it deleted: what is there by that key then is another record for it. */
  readonly isCleared?: (write: AnsweredWrite, deletion: AnsweredWrite) => boolean;
}

export interface Violation {
  readonly oracle: 'O1' | 'O2' | 'O3' | 'O4' | 'O5' | 'O6' | 'O7' | 'O8' | 'history';
  readonly message: string;
}

function sameRecord(a: { table: string; key: RecordKey }, b: { table: string; key: RecordKey }): boolean {
  return a.table === b.table && a.key === b.key;
}

/** Whether `later` may have been stored after `earlier`, on the same device. */
function mayFollow(earlier: AnsweredWrite, later: AnsweredWrite): boolean {
  return (
    later !== earlier &&
    later.device === earlier.device &&
    later.user === earlier.user &&
    sameRecord(later, earlier) &&
    later.endedAt > earlier.startedAt
  );
}

/** The field's value after an effect, if the effect changed it. */
function changedTo(effect: Effect, field: string): Json | undefined {
  const before = effect.before?.[field];
  const after = effect.after?.[field];
  return before === after ? undefined : after;
}

/**
 * Whether what was deleted was made here, and was never on the server: what is there now is somebody else's, or was made here before
 * the storage was lost, or it was cleared, and is not known here any more.
 */
function wasNeverThere(deletion: AnsweredWrite, { writes, effects, isExcused, isCleared }: Evidence): boolean {
  const own = writes.filter(
    (each) =>
      mayFollow(each, deletion) &&
      each.fields !== null &&
      each.isCommand !== true &&
      isCleared?.(each, deletion) !== true,
  );
  const values = own
    .flatMap((each) => Object.values(each.fields ?? {}))
    .filter((value) => value !== '' && !isExcused(value));
  const isApplied = effects.some((effect) =>
    Object.values(effect.after ?? {}).some((value) => values.some((each) => each === value)),
  );
  return own.length > 0 && !isApplied;
}

/** Whether a deletion on the server is the user's own, or one after which there was nothing left of what the user deleted. */
function isOwnOrLater(effect: Effect, { user, startedAt }: AnsweredWrite): boolean {
  return effect.user === user || (effect.at ?? 0) > startedAt;
}

/** O1: what was answered with success is on the server, or pending, or in a failure with its content. */
function lost(evidence: Evidence): Violation[] {
  const { writes, effects, devices, isExcused } = evidence;
  const violations: Violation[] = [];
  const complain = (write: AnsweredWrite, what: string): void => {
    const { device, user, table, key } = write;
    violations.push({ oracle: 'O1', message: `${what} of ${table} ${key} by ${user} on ${device} is lost` });
  };
  for (const write of writes) {
    const state = devices.find((each) => each.device === write.device && each.user === write.user);
    if (state === undefined || write.isUnheard === true) continue;
    const later = writes.filter((each) => mayFollow(write, each));
    if (write.fields === null) {
      if (later.some((each) => each.fields !== null) || evidence.isDiscarded(write)) continue;
      const isGone =
        effects.some((effect) => sameRecord(effect, write) && effect.after === null && isOwnOrLater(effect, write)) ||
        evidence.server(write.user, write.table).get(write.key) === undefined;
      const isKept = [...state.unsent, ...state.failures].some((each) => sameRecord(each, write));
      if (!isGone && !isKept && !wasNeverThere(write, evidence)) complain(write, 'the deletion');
      continue;
    }
    for (const [field, value] of Object.entries(write.fields)) {
      if (isExcused(value)) continue;
      if (later.some((each) => each.fields === null || Object.hasOwn(each.fields, field))) continue;
      const isOnServer = effects.some((effect) => sameRecord(effect, write) && effect.after?.[field] === value);
      const isKept = [...state.unsent, ...state.failures].some((each) => each.text.includes(JSON.stringify(value)));
      if (!isOnServer && !isKept) complain(write, `${field} = ${value}`);
    }
  }
  return violations;
}

/** O2: one effect for a mutation id, and no value comes back after it was replaced. */
function twice(evidence: Evidence): Violation[] {
  const { effects, isExcused } = evidence;
  const violations: Violation[] = [];
  const ids = new Map<string, number>();
  const values = new Map<string, number>();
  for (const [index, effect] of effects.entries()) {
    if (effect.type === 'server') continue;
    ids.set(effect.mutationId, (ids.get(effect.mutationId) ?? 0) + 1);
    const isResend = evidence.mayResend?.(effect, index) === true;
    for (const field of Object.keys(effect.after ?? {})) {
      const value = changedTo(effect, field);
      if (typeof value !== 'string' || isExcused(value) || evidence.authorOf(value) === undefined) continue;
      const id = `${effect.table} ${effect.key} ${field} = ${value}`;
      if (isResend && values.has(id)) continue;
      values.set(id, (values.get(id) ?? 0) + 1);
    }
  }
  for (const [id, count] of ids) {
    if (count > 1) violations.push({ oracle: 'O2', message: `the mutation ${id} was applied ${count} times` });
  }
  for (const [id, count] of values) {
    if (count > 1) violations.push({ oracle: 'O2', message: `${id} was applied ${count} times` });
  }
  return violations;
}

/** O3: effects on one record come in the order in which they were written. */
function outOfOrder(evidence: Evidence): Violation[] {
  const { writes, effects, isExcused } = evidence;
  const violations: Violation[] = [];
  const byValue = new Map<string, AnsweredWrite>();
  for (const write of writes) for (const value of Object.values(write.fields ?? {})) byValue.set(value, write);
  const last = new Map<string, AnsweredWrite>();
  // A command that came before the record it names waits for that (U-07), and for what was made together with it.
  const isEarly = (write: AnsweredWrite, { table, key }: Effect): boolean =>
    write.isCommand === true &&
    effects.some(
      (made) =>
        made.type === 'create' &&
        made.table === table &&
        made.key === key &&
        Object.values(made.after ?? {}).some((value) => {
          const maker = typeof value === 'string' ? byValue.get(value) : undefined;
          return maker !== undefined && maker.endedAt > write.startedAt;
        }),
    );
  for (const [index, effect] of effects.entries()) {
    for (const field of Object.keys(effect.after ?? {})) {
      const value = changedTo(effect, field);
      const write = typeof value === 'string' && !isExcused(value) ? byValue.get(value) : undefined;
      if (write === undefined || write.isPutOff === true || isEarly(write, effect)) continue;
      // Another device marked the record to be sent as it had it there (K-03): that is no write of who wrote the value.
      if (effect.device !== write.device && evidence.mayResend?.(effect, index) === true) continue;
      const id = `${write.device} ${write.user} ${write.table} ${write.key} ${field}`;
      const before = last.get(id);
      const isUndone = before !== undefined && before.startedAt > write.endedAt;
      // What was marked after the later write, which the server had not answered, is sent as it was here.
      if (isUndone && evidence.mayResend?.(effect, index, before.startedAt) !== true) {
        violations.push({
          oracle: 'O3',
          message: `${id}: ${JSON.stringify(value)} was applied after what was written later`,
        });
      }
      last.set(id, write);
    }
  }
  return violations;
}

/** The same text for the same record. */
export function canonical(record: JsonObject): string {
  return JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** O4: every device's readable records equal the server's, but for those whose change waits for the user. */
export function apart(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const { device, user, unsent, records } of evidence.devices) {
    const isOpen = (state: string): boolean => state === 'pending' || state === 'in-flight';
    for (const { table, key, state } of unsent) {
      if (!isOpen(state)) continue;
      // What lies over a version that waits for the user waits with it (SPEC, invariant 3).
      if (unsent.some((other) => other.table === table && other.key === key && !isOpen(other.state))) continue;
      violations.push({ oracle: 'O4', message: `${table} ${key} by ${user} on ${device} is still pending` });
    }
    for (const table of evidence.tables) {
      const here = records[table] ?? new Map<RecordKey, JsonObject>();
      const there = evidence.server(user, table);
      for (const key of new Set([...here.keys(), ...there.keys()])) {
        if (unsent.some((each) => each.table === table && each.key === key)) continue;
        const [mine, theirs] = [here.get(key), there.get(key)];
        if (mine === undefined || theirs === undefined ? mine === theirs : canonical(mine) === canonical(theirs))
          continue;
        const shown = `here ${JSON.stringify(mine ?? null)}, on the server ${JSON.stringify(theirs ?? null)}`;
        violations.push({ oracle: 'O4', message: `${table} ${key} of ${user} on ${device}: ${shown}` });
      }
    }
  }
  return violations;
}

/** O5 and O7 of one read: each value was written by somebody, and by nobody whose data is not this user's to see. */
export function phantoms(read: AnsweredRead, evidence: Pick<Evidence, 'authorOf'>, isShared: boolean): Violation[] {
  const { device, user, table, key, record } = read;
  const violations: Violation[] = [];
  for (const [field, value] of Object.entries(record ?? {})) {
    if (typeof value !== 'string' || !/^w\d+$/.test(value)) continue;
    const author = evidence.authorOf(value);
    const where = `${table} ${key} on ${device}: ${field} = ${value}`;
    if (author === undefined) violations.push({ oracle: 'O5', message: `${where} was written by nobody` });
    else if (!isShared && author !== '' && author !== user) {
      violations.push({ oracle: 'O7', message: `${where} is ${author}'s, and was shown to ${user}` });
    }
  }
  return violations;
}

/** O7 on the server: nobody's values arrive under another's name. */
function leaked({ effects, authorOf }: Evidence): Violation[] {
  return effects.flatMap((effect): Violation[] => {
    if (effect.type === 'server') return [];
    return Object.keys(effect.after ?? {}).flatMap((field): Violation[] => {
      const value = changedTo(effect, field);
      const author = typeof value === 'string' ? authorOf(value) : undefined;
      if (author === undefined || author === '' || author === effect.user) return [];
      const message = `${effect.table} ${effect.key}: ${field} = ${JSON.stringify(value)} of ${author} was sent as ${effect.user}`;
      return [{ oracle: 'O7', message }];
    });
  });
}

/** Everything that can be said when all is quiet. */
export function judge(evidence: Evidence): Violation[] {
  return [...lost(evidence), ...twice(evidence), ...outOfOrder(evidence), ...apart(evidence), ...leaked(evidence)];
}
