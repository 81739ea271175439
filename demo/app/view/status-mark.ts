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

/** The mark at a record. In lists a synchronized record has none, so that the others stand out. */
export function statusMark(
  detail: StatusDetail,
  options: { readonly always?: boolean } = {},
): TemplateResult | typeof nothing {
  if (detail === 'clean' && options.always !== true) return nothing;
  return html`<span class="mark mark-${detail}" data-testid="status-mark" data-status=${detail}
    >${icon(icons[detail])}<span>${detailNames[detail]}</span></span
  >`;
}
