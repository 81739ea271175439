import type { BatchItem } from '../store/format.ts';
import type { SelectedVerdict } from '../store/run-rows.ts';
import type { Verdict } from '../store/selected.ts';
import type { Settlement } from './settle.ts';

function outcomeOf({ verdict, base, failure }: Settlement): SelectedVerdict | null {
  switch (verdict) {
    case 'uploaded':
      return { outcome: base.type === 'remove' ? 'deleted' : 'uploaded' };
    case 'failed': {
      if (failure === null) return null;
      const { code, message: reason } = failure;
      const named = code === 'gone' || code === 'forbidden' || code === 'dangling';
      return { outcome: named ? code : 'rejected', reason };
    }
    case 'conflict':
      return failure === null ? null : { outcome: 'conflict', reason: failure.message };
    case 'later':
      return null;
  }
}

/** What a settlement says of a selected record's fate; nothing while it goes on. */
export function verdictsOf(item: BatchItem, settlement: Settlement): Verdict[] {
  if (item.type === 'command') return [];
  const verdict = outcomeOf(settlement);
  return verdict === null ? [] : [{ table: item.table, key: item.key, verdict }];
}
