import type { Failure, RecordKey } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { isFields } from '../model/records.ts';
import { conflictAddress } from './conflict-link.ts';
import { exportFailure } from './export-failure.ts';
import { formatMoment, tableName } from './format.ts';
import type { App } from './page.ts';

const operationNames: Readonly<Record<Failure['operation'], string>> = {
  create: 'new',
  update: 'changed',
  delete: 'deleted',
  command: 'command',
};

/** What a person knows the record by; else its key. */
export function recordName(content: unknown, key: RecordKey): string {
  if (isFields(content)) {
    for (const name of ['Name', 'note', 'title', 'reference']) {
      const value = content[name];
      if (typeof value === 'string' && value !== '') return `“${value}”`;
    }
  }
  return String(key);
}

/** Where the record is edited; null: there is nothing of it to edit. */
function editAddress({ table, key, operation, code, content }: Failure): string | null {
  if (operation === 'delete' || code === 'gone' || code === 'forbidden') return null;
  if (table === 'visits') return `/visits/${encodeURIComponent(String(key))}`;
  if (table === 'tasks') return `/tasks/${encodeURIComponent(String(key))}`;
  if (table === 'products') return '/products';
  const visit = isFields(content) ? content['visitId'] : undefined;
  return typeof visit === 'string' ? `/visits/${encodeURIComponent(visit)}` : null;
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
      app.notify('done', 'What the server did not take was given up.');
    });
  };
  const fields = Object.entries(failure.fields ?? {});
  const edit = options.linked ? editAddress(failure) : null;
  const waitsForChoice = failure.code === 'conflict' && failure.retriable;
  const isOfGroup = failure.group !== undefined && failure.retriable;
  return html`
    <li class="failure" data-testid="failure-row" data-key=${failure.key} data-code=${failure.code}>
      <p class="failure-what">
        <strong>${tableName(failure.table)}</strong>
        <span class="figures key">${recordName(failure.content, failure.key)}</span>
        <span class="tag">${operationNames[failure.operation]}</span>
        <time>${formatMoment(failure.at)}</time>
      </p>
      <p class="failure-why"><span class="tag tag-bad">${failure.code}</span> ${failure.message}</p>
      ${
        isOfGroup
          ? html`<p class="hint" data-testid="failure-group">
              It was sent together with others, so the server took none of them. What you do here is for all of them.
            </p>`
          : nothing
      }
      ${
        fields.length > 0
          ? html`<ul class="failure-fields">
              ${fields.map(([field, message]) => html`<li><strong>${field}</strong>: ${message}</li>`)}
            </ul>`
          : nothing
      }
      <div class="buttons">
        ${
          waitsForChoice
            ? html`<a class="button" data-testid="failure-choose" href=${conflictAddress(failure.table, failure.key)}
                >Compare and choose</a
              >`
            : nothing
        }
        ${
          edit === null || waitsForChoice
            ? nothing
            : html`<a class="button" data-testid="failure-edit" href=${edit}>Edit</a>`
        }
        ${
          failure.retriable && !waitsForChoice
            ? html`<button type="button" data-testid="failure-retry" @click=${retry}>
                ${isOfGroup ? 'Try all of it again' : 'Try again'}
              </button>`
            : nothing
        }
        <button
          type="button"
          class="quiet"
          data-testid="failure-export"
          @click=${() => {
            exportFailure(failure);
          }}
        >
          Export
        </button>
        <button type="button" class="quiet" data-testid="failure-discard" @click=${discard}>
          ${isOfGroup ? 'Discard all of it' : 'Discard'}
        </button>
      </div>
    </li>
  `;
}
