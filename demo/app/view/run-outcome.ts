import type { SelectedOutcome, SelectedOutcomeName, SkippedRecord, SynchronizeResult } from 'holdfast/client';
import { formatCount } from './format.ts';

const outcomeNames: Readonly<Record<SelectedOutcomeName, string>> = {
  uploaded: 'sent',
  deleted: 'deleted on the server',
  refreshed: 'refreshed',
  unchanged: 'up to date',
  removed: 'removed here',
  rejected: 'refused',
  conflict: 'in conflict',
  gone: 'refused: gone from the server',
  forbidden: 'refused: not allowed',
  dangling: 'refused: refers to a missing record',
  blocked: 'skipped: waits for another record',
  held: 'skipped: held back',
  uncommitted: 'skipped: draft',
  unknown: 'skipped: not here',
  pending: 'changed meanwhile',
};

/** What was done comes before what was not, whatever the order of the records. */
const order = Object.keys(outcomeNames);

const skipNames: Readonly<Record<SkippedRecord['reason'], string>> = {
  uncommitted: 'draft',
  unknown: 'not here',
  held: 'held back',
  blocked: 'waits for another record',
  rejected: 'refused before',
  conflict: 'in conflict',
};

function counted(words: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${formatCount(count)} ${word}`);
}

/** The ticked records by what became of each; of those that only belong to them, what travelled or failed. */
function selectedParts(outcomes: readonly SelectedOutcome[], table: string): readonly string[] {
  const quiet: readonly SelectedOutcomeName[] = ['unchanged', 'refreshed', 'unknown'];
  const own = outcomes
    .filter((outcome) => outcome.table === table)
    .sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome));
  const others = outcomes.filter((outcome) => outcome.table !== table && !quiet.includes(outcome.outcome));
  return [
    ...counted(own.map(({ outcome }) => outcomeNames[outcome])),
    ...counted(others.map((other) => `of their ${other.table} ${outcomeNames[other.outcome]}`)),
  ];
}

/** What a run did, in one line: `2 sent, 1 refreshed, 1 skipped: draft`. */
export function runOutcomeText(result: SynchronizeResult): string {
  if (result.selected !== undefined) return selectedParts(result.selected, 'visits').join(', ');
  const counts = [
    `${formatCount(result.uploaded)} sent`,
    `${formatCount(result.downloaded)} received`,
    ...(result.removed > 0 ? [`${formatCount(result.removed)} removed here`] : []),
    ...(result.failed > 0 ? [`${formatCount(result.failed)} refused`] : []),
  ];
  return [...counts, ...counted(result.skipped.map(({ reason }) => `skipped: ${skipNames[reason]}`))].join(', ');
}
