import type { RecordKey, StatusDetail } from 'holdfast/client';
import { html, type nothing, type TemplateResult } from 'lit-html';

/** Where a choice between the copies is made, with this record's at the top. */
export function conflictAddress(table: string, key: RecordKey): string {
  return `/synchronization/conflicts?record=${encodeURIComponent(`${table}/${String(key)}`)}`;
}

/** A mark that says `conflict` leads to the choice; any other is left as it is. */
export function markWithConflict(
  mark: TemplateResult | typeof nothing,
  of: { readonly detail: StatusDetail; readonly table?: string; readonly key?: RecordKey },
): TemplateResult | typeof nothing {
  if (of.detail !== 'conflict') return mark;
  const { table, key } = of;
  const address = table === undefined || key === undefined ? '/synchronization/conflicts' : conflictAddress(table, key);
  return html`<a class="mark-link" href=${address} data-testid="conflict-link">${mark}</a>`;
}
