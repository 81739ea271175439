import type { StatusDetail } from 'holdfast/client';
import { html, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { readList, recordPath, write } from '../model/api.ts';
import { createLoader } from '../model/loader.ts';
import { marksOf } from '../model/marks.ts';
import { type Product, readProduct } from '../model/records.ts';
import { markWithConflict } from '../view/conflict-link.ts';
import { formatCount, plural } from '../view/format.ts';
import { icon } from '../view/icons.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';
import { statusMark } from '../view/status-mark.ts';

const pageLength = 50;

/** Products and their stock, which is edited in place. */
export function createProductsPage(app: App): Page {
  let limit = pageLength;

  const list = createLoader(async (signal) => {
    const sync = await app.connected;
    const answer = await readList('/api/products', readProduct, { query: { orderBy: 'Code', limit }, signal });
    const keys = answer.records.map((product) => product.Code);
    return { answer, marks: await marksOf(sync, { table: 'products', keys, answer }) };
  }, app.draw);

  const setStock = (product: Product, stock: number): void => {
    if (stock === product.Stock) return;
    app.attempt(async () => {
      await write('PATCH', recordPath('products', product.Code), { Stock: stock });
      list.refresh();
    });
  };

  const productRow = (product: Product, detail: StatusDetail): TemplateResult => html`
    <li class="product-row" data-testid="product-row" data-key=${product.Code} data-status=${detail}>
      <span class="code figures">${product.Code}</span>
      <strong class="product-name">${product.Name}</strong>
      <span class="product-mark"
        >${markWithConflict(statusMark(detail, { syncing: app.watch.syncing }), { table: 'products', key: product.Code, detail })}</span
      >
      <span class="stepper" role="group" aria-label=${`Stock of ${product.Name}`}>
        <button
          type="button"
          class="icon-only"
          aria-label="One less"
          ?disabled=${product.Stock <= 0}
          @click=${() => {
            setStock(product, product.Stock - 1);
          }}
        >
          ${icon('minus')}
        </button>
        <input
          type="number"
          min="0"
          step="1"
          inputmode="numeric"
          aria-label="Stock"
          data-testid="product-stock"
          .value=${String(product.Stock)}
          @change=${(event: Event) => {
            if (!(event.target instanceof HTMLInputElement)) return;
            if (event.target.validity.valid && event.target.value !== '') setStock(product, event.target.valueAsNumber);
            else event.target.value = String(product.Stock);
          }}
        />
        <button
          type="button"
          class="icon-only"
          aria-label="One more"
          @click=${() => {
            setStock(product, product.Stock + 1);
          }}
        >
          ${icon('plus')}
        </button>
      </span>
    </li>
  `;

  const rows = (): TemplateResult => {
    const { current } = list;
    if (current.type === 'loading') return skeletonRows(4);
    if (current.type === 'failed') return failedState(current.message, list.restart);
    const { answer, marks } = current.value;
    if (answer.records.length === 0) {
      return emptyState('products', 'No products yet', { text: 'They come with the first download.' });
    }
    return html`
      <p class="found" role="status"><strong>${plural(answer.total, 'product', 'products')}</strong></p>
      <ul class="rows">
        ${repeat(
          answer.records,
          (product) => product.Code,
          (product) => productRow(product, marks.get(String(product.Code)) ?? 'clean'),
        )}
      </ul>
      ${
        answer.records.length < answer.total
          ? html`<button
              type="button"
              class="more"
              @click=${() => {
                limit += pageLength;
                list.refresh();
              }}
            >
              More <span class="figures">(${formatCount(answer.total - answer.records.length)})</span>
            </button>`
          : ''
      }
    `;
  };

  list.refresh();
  return {
    title: 'Products',
    tables: ['products'],
    view: () =>
      html`${rows()}
        <p class="hint"><a href="/synchronization/status">Set the status by a filter</a></p>`,
    refresh: list.refresh,
    close: list.close,
  };
}
