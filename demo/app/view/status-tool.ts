import { FilterError, type SyncStatus } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { plural } from './format.ts';
import type { App } from './page.ts';

/** Sets the status of many products at once, by a filter: for those who plan what travels. */
export function createStatusTool(app: App): { view(): TemplateResult } {
  let filter = 'FIELD(Products,Name) LIKE "%Cola"';
  let answer = '';
  let wrong = '';

  const set = (status: SyncStatus): void => {
    app.attempt(async () => {
      const sync = await app.connected;
      answer = '';
      wrong = '';
      try {
        const count = await sync.setStatus('products', status, filter);
        answer = `${plural(count, 'product is', 'products are')} now ${status.replace('-', ' ')}.`;
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        const caretLine = error.details['caretLine'];
        wrong = typeof caretLine === 'string' && caretLine !== '' ? `${error.message}\n${caretLine}` : error.message;
      }
      app.draw();
    });
  };

  return {
    view: () => html`
      <details class="tool">
        <summary>Set the synchronization status by a filter</summary>
        <label class="field">
          <span>Products whose …</span>
          <input
            type="text"
            class="code-input"
            spellcheck="false"
            autocomplete="off"
            data-testid="status-filter"
            aria-describedby="status-filter-help"
            .value=${filter}
            @input=${(event: Event) => {
              if (event.target instanceof HTMLInputElement) filter = event.target.value;
            }}
          />
        </label>
        <p class="hint" id="status-filter-help">
          For instance <code>Stock &lt; 150</code>, or <code>Code &lt;&gt; 0 AND Name NOT LIKE "Pepsi%"</code>. What is
          not synchronized is sent by the next run; what is set synchronized stays here as it is.
        </p>
        <div class="buttons">
          <button
            type="button"
            data-testid="set-not-synchronized"
            @click=${() => {
              set('not-synchronized');
            }}
          >
            Not synchronized
          </button>
          <button
            type="button"
            data-testid="set-synchronized"
            @click=${() => {
              set('synchronized');
            }}
          >
            Synchronized
          </button>
        </div>
        <p role="status" class="hint" data-testid="status-answer">${answer}</p>
        ${wrong === '' ? nothing : html`<pre role="alert" class="caret" data-testid="status-wrong">${wrong}</pre>`}
      </details>
    `,
  };
}
