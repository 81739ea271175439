import type { Failure } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { isFields } from '../model/records.ts';
import { formatMoment, tableName } from './format.ts';
import type { App } from './page.ts';

const operationNames: Readonly<Record<Failure['operation'], string>> = {
  create: 'new',
  update: 'changed',
  delete: 'deleted',
  command: 'command',
};

/** What a person knows the record by; else its key. */
function words({ content, key }: Failure): string {
  if (isFields(content)) {
    for (const name of ['Name', 'note', 'reference']) {
      const value = content[name];
      if (typeof value === 'string' && value !== '') return `“${value}”`;
    }
  }
  return String(key);
}

/** What the server did not take, why, and what can be done about it. */
export function failureRow(app: App, failure: Failure, options: { readonly linked: boolean }): TemplateResult {
  const retry = (): void => {
    app.attempt(async () => {
      const sync = await app.connected;
      await sync.retry(failure.id);
      app.notify('done', 'It is sent again with the next synchronization.');
    });
  };
  const discard = (): void => {
    app.attempt(async () => {
      const sync = await app.connected;
      await sync.discard(failure.id);
      app.notify('done', 'The change was given up. The record is again as the server has it.');
    });
  };
  const fields = Object.entries(failure.fields ?? {});
  return html`
    <li class="failure" data-testid="failure-row" data-key=${failure.key} data-code=${failure.code}>
      <p class="failure-what">
        <strong>${tableName(failure.table)}</strong>
        <span class="figures key">${words(failure)}</span>
        <span class="tag">${operationNames[failure.operation]}</span>
        <time>${formatMoment(failure.at)}</time>
      </p>
      <p class="failure-why"><span class="tag tag-bad">${failure.code}</span> ${failure.message}</p>
      ${
        fields.length > 0
          ? html`<ul class="failure-fields">
              ${fields.map(([field, message]) => html`<li><strong>${field}</strong>: ${message}</li>`)}
            </ul>`
          : nothing
      }
      <div class="buttons">
        ${
          options.linked && failure.table === 'visits' && failure.operation !== 'delete'
            ? html`<a class="button" href=${`/visits/${encodeURIComponent(String(failure.key))}`}>Edit</a>`
            : nothing
        }
        ${
          failure.retriable
            ? html`<button type="button" data-testid="failure-retry" @click=${retry}>Try again</button>`
            : nothing
        }
        <button type="button" class="quiet" data-testid="failure-discard" @click=${discard}>Discard</button>
      </div>
    </li>
  `;
}
