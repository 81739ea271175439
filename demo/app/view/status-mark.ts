import type { StatusDetail } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { detailNames } from './format.ts';
import { icon, type IconName } from './icons.ts';

const icons: Readonly<Record<StatusDetail, IconName>> = {
  clean: 'check',
  pending: 'clock',
  'in-flight': 'up',
  rejected: 'alert',
  conflict: 'fork',
  blocked: 'pause',
  held: 'pause',
  draft: 'pencil',
};

/**
 * The mark at a record. In lists a synchronized record has none, so that the others stand out. What was sent without an
 * answer, by a run that is over, waits like all else: the next run settles it.
 */
export function statusMark(
  detail: StatusDetail,
  { syncing, always = false }: { readonly syncing: boolean; readonly always?: boolean },
): TemplateResult | typeof nothing {
  if (detail === 'clean' && !always) return nothing;
  const waits = detail === 'in-flight' && !syncing;
  const look = waits ? 'pending' : detail;
  return html`<span class="mark mark-${look}" data-testid="status-mark" data-status=${detail}
    >${icon(icons[look])}<span>${waits ? 'Waiting to be sent' : detailNames[detail]}</span></span
  >`;
}
