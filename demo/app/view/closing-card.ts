import type { Failure } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Closing } from '../model/closing.ts';
import { failureRow } from './failure-row.ts';
import { icon, type IconName } from './icons.ts';
import type { App } from './page.ts';

const words: Readonly<Record<Closing['outcome']['type'], { readonly icon: IconName; readonly text: string }>> = {
  pending: { icon: 'clock', text: 'This waits to be sent. The server takes all of it or nothing.' },
  refused: { icon: 'alert', text: 'The server did not take all of this, so it took nothing of it.' },
  applied: { icon: 'check', text: 'The server took all of this together.' },
};

interface ClosingOptions {
  /** Of the same group. */
  readonly failures: readonly Failure[];
  readonly onDismiss: () => void;
}

/** What became of a visit's closing and of what was stored with it. */
export function closingCard(app: App, { parts, outcome }: Closing, options: ClosingOptions): TemplateResult {
  const { failures, onDismiss } = options;
  const { icon: name, text } = words[outcome.type];
  return html`<section
    class="card closing closing-${outcome.type}"
    role="status"
    data-testid="closing"
    data-outcome=${outcome.type}
  >
    <p class="closing-words">${icon(name)}<strong>${text}</strong></p>
    <ul class="closing-parts">
      ${parts.map((part) => html`<li>${part}</li>`)}
    </ul>
    ${
      failures.length === 0
        ? nothing
        : html`<ul class="failures">
            ${repeat(
              failures,
              (failure) => failure.id,
              (failure) =>
                failureRow(app, failure, { linked: failure.table !== 'visits' && failure.table !== 'lines' }),
            )}
          </ul>`
    }
    ${outcome.type === 'refused' && failures.length === 0 ? html`<p>${outcome.message}</p>` : nothing}
    ${
      outcome.type === 'applied'
        ? html`<button type="button" class="quiet" data-testid="closing-dismiss" @click=${onDismiss}>Dismiss</button>`
        : nothing
    }
  </section>`;
}
