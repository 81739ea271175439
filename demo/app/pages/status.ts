import { FilterError, type LiveChange, type LiveQuery, type SyncStatus } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { plural, tableName } from '../view/format.ts';
import type { App, Page } from '../view/page.ts';
import { skeletonRows } from '../view/parts.ts';
import { statusMark } from '../view/status-mark.ts';

const tables = ['products', 'visits', 'places', 'lines'] as const;
type TableName = (typeof tables)[number];

/** What each table's page of matches is named by and begins with. */
const shown: Readonly<Record<TableName, { readonly key: string; readonly title: string; readonly filter: string }>> = {
  products: { key: 'Code', title: 'Name', filter: 'FIELD(Products,Name) LIKE "%Cola"' },
  visits: { key: 'id', title: 'note', filter: 'FIELD(Visits,rating) >= 4' },
  places: { key: 'id', title: 'name', filter: 'FIELD(Places,country) = "AD"' },
  lines: { key: 'id', title: 'productCode', filter: 'FIELD(Lines,quantity) > 1' },
};
const matchesShown = 50;

function isTableName(value: string): value is TableName {
  return tables.some((table) => table === value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A filter as it is typed, the records that it matches as they are at any time, and their status set by hand. */
export function createStatusPage(app: App): Page {
  let table: TableName = 'products';
  let filter = shown.products.filter;
  let matches: LiveChange | null = null;
  let wrong = '';
  let answer = '';
  let live: LiveQuery | null = null;
  let asked = 0;
  let closed = false;

  const fail = (error: unknown): void => {
    if (!(error instanceof FilterError)) throw error;
    wrong = error.message;
    app.draw();
  };

  const ask = (): void => {
    asked += 1;
    const question = asked;
    app.attempt(async () => {
      const sync = await app.connected;
      if (question !== asked || closed) return;
      live?.close();
      wrong = '';
      live = sync.live(table, {
        ...(filter.trim() === '' ? {} : { filter }),
        orderBy: shown[table].key,
        limit: matchesShown,
        onChange: (change) => {
          matches = change;
          app.draw();
        },
      });
      await live.ready.catch(fail);
    });
  };

  const set = (status: SyncStatus): void => {
    app.attempt(async () => {
      const sync = await app.connected;
      answer = '';
      try {
        const count = await sync.setStatus(table, status, filter);
        answer = `${plural(count, 'record is', 'records are')} now ${status.replace('-', ' ')}.`;
        app.draw();
      } catch (error) {
        fail(error);
      }
    });
  };

  const form = (): TemplateResult => html`
    <div class="tool" role="group" aria-label="Filter">
      <label class="field">
        <span>Records of</span>
        <select
          data-testid="status-table"
          @change=${({ target }: Event) => {
            if (!(target instanceof HTMLSelectElement) || !isTableName(target.value)) return;
            table = target.value;
            ({ filter } = shown[table]);
            matches = null;
            answer = '';
            ask();
            app.draw();
          }}
        >
          ${tables.map((name) => html`<option value=${name} ?selected=${name === table}>${tableName(name)}</option>`)}
        </select>
      </label>
      <label class="field">
        <span>whose …</span>
        <input
          type="text"
          class="code-input"
          spellcheck="false"
          autocomplete="off"
          data-testid="status-filter"
          aria-describedby="status-filter-help"
          .value=${filter}
          @input=${({ target }: Event) => {
            if (!(target instanceof HTMLInputElement)) return;
            filter = target.value;
            answer = '';
            ask();
          }}
        />
      </label>
      <p class="hint" id="status-filter-help">
        For instance <code>Stock &lt; 150</code>, or <code>Code &lt;&gt; 0 AND Name NOT LIKE "Pepsi%"</code>. What is
        not synchronized is sent by the next run; what is set synchronized stays here as it is.
      </p>
      ${wrong === '' ? nothing : html`<pre role="alert" class="caret" data-testid="status-wrong">${wrong}</pre>`}
      <div class="buttons">
        <button
          type="button"
          data-testid="set-not-synchronized"
          ?disabled=${wrong !== ''}
          @click=${() => {
            set('not-synchronized');
          }}
        >
          Not synchronized
        </button>
        <button
          type="button"
          data-testid="set-synchronized"
          ?disabled=${wrong !== ''}
          @click=${() => {
            set('synchronized');
          }}
        >
          Synchronized
        </button>
      </div>
      <p role="status" class="hint" data-testid="status-answer">${answer}</p>
    </div>
  `;

  const rows = ({ records, statuses, total, warnings }: LiveChange): TemplateResult => {
    const details = new Map(statuses.map(({ key, detail }) => [String(key), detail]));
    const { key, title } = shown[table];
    return html`
      <p class="found" role="status" data-testid="status-found" data-total=${total}>
        <strong>${plural(total, 'record matches', 'records match')}</strong>
      </p>
      ${warnings.map((warning) => html`<p class="hint" data-testid="status-warning">${warning}</p>`)}
      <ul class="rows">
        ${repeat(
          records,
          (record) => textOf(record[key]),
          (record) => {
            const id = textOf(record[key]);
            const detail = details.get(id) ?? 'clean';
            return html`<li class="pending-row" data-testid="status-row" data-key=${id} data-status=${detail}>
              <strong>${textOf(record[title]) || id}</strong>
              <span class="pending-marks">${statusMark(detail, { syncing: app.watch.syncing, always: true })}</span>
            </li>`;
          },
        )}
      </ul>
      ${total > records.length ? html`<p class="hint">The first ${String(records.length)} of them are shown.</p>` : nothing}
    `;
  };

  ask();
  return {
    title: 'Status',
    tables: [],
    view: () => html`
      <a class="back" href="/synchronization">‹ Sync</a>
      ${form()}
      <section aria-label="Matching records">
        ${wrong !== '' ? nothing : matches === null ? skeletonRows(3) : rows(matches)}
      </section>
    `,
    // The live query tells what changed.
    refresh: () => undefined,
    close() {
      closed = true;
      live?.close();
    },
  };
}
