import type { Json, RecordKey } from '../protocol/record.ts';
import type { Outcome, WireChange } from '../protocol/wire.ts';
import type { BackendContext } from './backend.ts';

interface SentInOrder {
  /** Of the changes that were answered, in the order of the changes. */
  readonly outcomes: readonly Outcome[];
  readonly fault: Error | null;
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

type Tables = BackendContext['tables'];

/** Whether a change would be refused where an earlier one was not taken (N-1). */
function builds(change: WireChange, earlier: WireChange, tables: Tables): boolean {
  if (earlier.type === 'command') return false;
  if (change.type === 'delete') {
    const references = earlier.type === 'update' ? tables.get(earlier.table)?.references : undefined;
    return references?.some(({ table }) => table === change.table) === true;
  }
  const named = change.type === 'command' ? [...change.path.split(/[/?&=]/), change.body] : change.record;
  return mentions(named, earlier.key);
}

/**
 * Sends changes, several at once where they have nothing to do with each other. After a fault none is begun; those under
 * way are waited for, as what they were answered is known for certain. What builds on one that is tried again later is not sent before.
 */
export async function sendInOrder(
  changes: readonly WireChange[],
  { concurrency, tables }: { readonly concurrency: number; readonly tables: Tables },
  send: (change: WireChange) => Promise<Sent>,
): Promise<SentInOrder> {
  const running = new Map<WireChange, Promise<void>>();
  const outcomes = new Map<WireChange, Outcome>();
  const faults: Error[] = [];
  const later: WireChange[] = [];
  const run = async (change: WireChange): Promise<void> => {
    const { outcome, fault } = await send(change);
    if (outcome !== undefined) outcomes.set(change, outcome);
    if (outcome?.type === 'later') later.push(change);
    if (fault !== undefined) faults.push(fault);
    running.delete(change);
  };
  for (const change of changes) {
    while (running.size >= concurrency || [...running.keys()].some((earlier) => mustWait(change, earlier))) {
      await Promise.race(running.values());
    }
    if (faults.length > 0) break;
    if (later.some((earlier) => builds(change, earlier, tables))) {
      const { mutationId } = change;
      outcomes.set(change, { type: 'later', mutationId, message: 'It waits for one that the server could not take.' });
      later.push(change);
    } else running.set(change, run(change));
  }
  await Promise.all(running.values());
  return { outcomes: changes.flatMap((change) => outcomes.get(change) ?? []), fault: faults[0] ?? null };
}
