import type { RunOutcome, SynchronizeResult } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { formatBytes, formatCount, formatDuration, formatMoment, modeNames, triggerNames } from './format.ts';
import { icon, type IconName } from './icons.ts';

const outcomes: Readonly<Record<RunOutcome, { readonly name: string; readonly icon: IconName }>> = {
  finished: { name: 'Finished', icon: 'check' },
  partial: { name: 'Not all taken', icon: 'alert' },
  failed: { name: 'Failed', icon: 'alert' },
  cancelled: { name: 'Cancelled', icon: 'close' },
};

/** A past run: what started it, how it ended, and what it carried. */
export function runRow(run: SynchronizeResult): TemplateResult {
  const outcome = outcomes[run.outcome];
  return html`
    <li
      class="run-row"
      data-testid="run-row"
      data-outcome=${run.outcome}
      data-mode=${run.mode}
      data-trigger=${run.trigger}
    >
      <span class="outcome outcome-${run.outcome}"
        >${icon(outcome.icon)}<span class="hidden">${outcome.name}</span></span
      >
      <span class="row-words">
        <strong>${modeNames[run.mode]}</strong>
        <span class="row-more"
          ><span>${triggerNames[run.trigger]}</span><time>${formatMoment(run.startedAt)}</time
          ><span class="figures">${formatDuration(run.durationMs)}</span
          ><span class="figures">${formatBytes(run.bytesSent + run.bytesReceived)}</span></span
        >
        ${run.error === undefined ? nothing : html`<span class="row-note">${run.error.message}</span>`}
        ${run.warnings.map((warning) => html`<span class="row-note">${warning}</span>`)}
      </span>
      <span class="run-counts figures">
        <span aria-label=${`${String(run.uploaded)} sent`}>${icon('up')}${formatCount(run.uploaded)}</span>
        <span aria-label=${`${String(run.downloaded)} received`}>${icon('down')}${formatCount(run.downloaded)}</span>
        ${
          run.failed > 0
            ? html`<span class="bad" aria-label=${`${String(run.failed)} not taken`}
                >${icon('alert')}${formatCount(run.failed)}</span
              >`
            : nothing
        }
      </span>
    </li>
  `;
}
