import type { Failure, PendingCounts, StatusDetail } from 'holdfast/client';
import { plural } from '../view/format.ts';

interface Unsent {
  readonly total: number;
  /** In words, each kind with its number. */
  readonly parts: readonly string[];
}

/** What the server did not take, and no change stands for any more: its content, or that it was deleted. */
function isOnlyHere({ retriable, content, operation }: Failure): boolean {
  return !retriable && (content !== null || operation === 'delete');
}

/** How much is on this device only: what waits, what is held back, drafts, and failures that hold the only copy. */
export function unsentOf(pending: PendingCounts, failures: readonly Failure[]): Unsent {
  const sum = (detail: StatusDetail): number =>
    Object.values(pending.tables).reduce((total, details) => total + (details[detail] ?? 0), 0);
  const kinds = [
    [pending.total - pending.commands, 'change', 'changes'],
    [pending.commands, 'command', 'commands'],
    [sum('held'), 'change held back', 'changes held back'],
    [sum('draft'), 'draft', 'drafts'],
    [failures.filter(isOnlyHere).length, 'failure', 'failures'],
  ] as const;
  const some = kinds.filter(([count]) => count > 0);
  return {
    total: some.reduce((total, [count]) => total + count, 0),
    parts: some.map(([count, one, many]) => plural(count, one, many)),
  };
}
