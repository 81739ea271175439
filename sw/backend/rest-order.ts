import type { Json, MutationId, RecordKey } from '../protocol/record.ts';
import type { Outcome, WireChange } from '../protocol/wire.ts';
import type { BackendContext } from './backend.ts';
import type { Command, RecordChange } from './rest-change.ts';
import { isSameKey } from './rest-records.ts';

type Tables = BackendContext['tables'];

interface SentInOrder {
  /** Of the changes that were answered, in the order of the changes. */
  readonly outcomes: readonly Outcome[];
  readonly fault: Error | null;
  readonly unanswered: readonly MutationId[];
  readonly isPart: boolean;
  readonly gaveUp: boolean;
}

/** What became of a sending. With a fault and no outcome it is not known whether the change was applied. */
export interface Sent {
  readonly outcome?: Outcome;
  readonly fault?: Error;
}

function mentions(value: Json | undefined, key: RecordKey): boolean {
  if (typeof value === 'string' || typeof value === 'number') return String(value) === String(key);
  return (
    typeof value === 'object' && value !== null && Object.values(value).some((inner: Json) => mentions(inner, key))
  );
}

/**
 * Whether a change must not overtake an earlier one. What a command or a delete touches cannot be seen in it, so each is
 * alone. A record that names another one's key may refer to it, whatever its field is called.
 */
function mustWait(change: WireChange, earlier: WireChange): boolean {
  if (change.type === 'command' || change.type === 'delete') return true;
  if (earlier.type === 'command' || earlier.type === 'delete') return true;
  // It may take what the update gives free: a name that must be unique, a place.
  if (change.type === 'create' && earlier.type === 'update' && change.table === earlier.table) return true;
  return mentions(change.record, earlier.key) || mentions(earlier.record, change.key);
}

/** Whether a command is about a record. A number in its body may be anything; a text, or what stands in for the server's number, is a key. */
function names({ path, body }: Command, { type, table, key }: RecordChange, tables: Tables): boolean {
  const [address = ''] = path.split(/[?#]/);
  if (`${address}/`.startsWith(`${tables.get(table)?.path}/${encodeURIComponent(key)}/`)) return true;
  return type === 'create' && (typeof key === 'string' || key < 0) && mentions([...path.split(/[/?&=]/), body], key);
}

/** Whether a change would be refused, or do harm, where an earlier one was not taken (N-1). */
function builds(change: WireChange, earlier: WireChange, tables: Tables): boolean {
  if (earlier.type === 'command') return false;
  if (change.type === 'command') return names(change, earlier, tables);
  if (change.table === earlier.table && isSameKey(change.key, earlier.key)) return true;
  const of = (name: string, parent: string) =>
    tables.get(name)?.references.filter(({ table }) => table === parent) ?? [];
  // To what the earlier one referred before cannot be seen in it.
  if (change.type === 'delete') return earlier.type !== 'create' && of(earlier.table, change.table).length > 0;
  const { record } = change;
  return (
    earlier.type === 'create' &&
    of(change.table, earlier.table).some(({ field }) => isSameKey(record[field], earlier.key))
  );
}

type Create = Extract<WireChange, { readonly type: 'create' }>;

/** A new record that the server does not have, or not under a key that anybody here knows: nothing can refer to it. */
function isUnmade(change: WireChange, outcome: Outcome, tables: Tables): change is Create {
  if (change.type !== 'create') return false;
  if (outcome.type !== 'applied') return outcome.type !== 'conflict' && outcome.type !== 'later';
  return outcome.key === undefined && tables.get(change.table)?.serverKeys === true;
}

/**
 * Sends changes, several at once where they have nothing to do with each other. After a fault, or if the server fails at all, none is begun; those under
 * way are waited for, as what they were answered is known for certain. What builds on one that is tried again later is left,
 * and what refers to a record that was refused dangles, as it does for a server that takes batches.
 */
export async function sendInOrder(
  changes: readonly WireChange[],
  { concurrency, tables }: { readonly concurrency: number; readonly tables: Tables },
  upload: { send(change: WireChange): Promise<Sent>; readonly gaveUp: boolean },
): Promise<SentInOrder> {
  const running = new Map<WireChange, Promise<void>>();
  const outcomes = new Map<WireChange, Outcome>();
  const faults: Error[] = [];
  const unanswered: MutationId[] = [];
  const waiting: WireChange[] = [];
  const unmade: Create[] = [];
  const note = (change: WireChange, outcome: Outcome): void => {
    outcomes.set(change, outcome);
    if (outcome.type === 'later') waiting.push(change);
    if (isUnmade(change, outcome, tables)) unmade.push(change);
  };
  const run = async (change: WireChange): Promise<void> => {
    const { outcome, fault } = await upload.send(change);
    if (outcome === undefined) unanswered.push(change.mutationId);
    else note(change, outcome);
    if (fault !== undefined) faults.push(fault);
    running.delete(change);
  };
  for (const change of changes) {
    while (running.size >= concurrency || [...running.keys()].some((earlier) => mustWait(change, earlier))) {
      await Promise.race(running.values());
    }
    if (faults.length > 0 || upload.gaveUp) break;
    const isBuilt = (earlier: WireChange): boolean => builds(change, earlier, tables);
    const parent = unmade.find(isBuilt);
    // Planned anew, it waits as it should.
    if (waiting.some(isBuilt)) waiting.push(change);
    else if (parent !== undefined) {
      const { table, key } = parent;
      const message = `The server has no ${table} ${key} yet.`;
      note(change, { type: 'dangling', mutationId: change.mutationId, message, references: { table, key } });
    } else running.set(change, run(change));
  }
  await Promise.all(running.values());
  const [fault = null] = faults;
  const { gaveUp } = upload;
  const isPart = outcomes.size < changes.length;
  return { outcomes: changes.flatMap((change) => outcomes.get(change) ?? []), fault, unanswered, isPart, gaveUp };
}
