import { html, nothing, type TemplateResult } from 'lit-html';
import type { Product } from '../model/records.ts';
import { estimateTotal, type LineDraft } from '../model/visits.ts';
import { formatAmount } from './format.ts';
import { icon } from './icons.ts';

interface LinesOptions {
  readonly products: readonly Product[];
  readonly onChange: (lines: readonly LineDraft[]) => void;
}

function numberOf(event: Event): number {
  return event.target instanceof HTMLInputElement ? Math.max(0, event.target.valueAsNumber || 0) : 0;
}

/** The lines of a visit: what was ordered, how much of it, and at which price. */
export function linesEditor(lines: readonly LineDraft[], { products, onChange }: LinesOptions): TemplateResult {
  const change = (at: number, fields: Partial<LineDraft>): void => {
    onChange(lines.map((line, index) => (index === at ? { ...line, ...fields } : line)));
  };
  const remove = (at: number): void => {
    onChange(lines.filter((_, index) => index !== at));
  };
  const add = (): void => {
    const used = new Set(lines.map((line) => line.productCode));
    const next = products.find((product) => !used.has(product.Code)) ?? products[0];
    if (next !== undefined)
      onChange([...lines, { id: crypto.randomUUID(), productCode: next.Code, quantity: 1, price: 0 }]);
  };

  const lineView = (line: LineDraft, at: number): TemplateResult => html`
    <li class="line" data-testid="line-row" data-key=${line.id}>
      <label class="line-product">
        <span>Product</span>
        <select
          @change=${(event: Event) => {
            if (event.target instanceof HTMLSelectElement) change(at, { productCode: Number(event.target.value) });
          }}
        >
          ${
            products.some((product) => product.Code === line.productCode)
              ? nothing
              : html`<option value=${line.productCode} selected>Product ${line.productCode}</option>`
          }
          ${products.map(
            (product) => html`
              <option value=${product.Code} ?selected=${product.Code === line.productCode}>${product.Name}</option>
            `,
          )}
        </select>
      </label>
      <label class="line-number">
        <span>Quantity</span>
        <input
          type="number"
          min="0"
          step="1"
          inputmode="numeric"
          .value=${String(line.quantity)}
          @change=${(event: Event) => {
            change(at, { quantity: numberOf(event) });
          }}
        />
      </label>
      <label class="line-number">
        <span>Price</span>
        <input
          type="number"
          min="0"
          step="0.01"
          inputmode="decimal"
          .value=${String(line.price)}
          @change=${(event: Event) => {
            change(at, { price: numberOf(event) });
          }}
        />
      </label>
      <span class="line-sum figures">${formatAmount(estimateTotal([line]))}</span>
      <button
        type="button"
        class="quiet icon-only"
        aria-label="Remove this line"
        @click=${() => {
          remove(at);
        }}
      >
        ${icon('trash')}
      </button>
    </li>
  `;

  return html`
    ${
      lines.length === 0
        ? html`<p class="hint">Nothing ordered yet.</p>`
        : html`<ul class="lines">
            ${lines.map(lineView)}
          </ul>`
    }
    <button type="button" data-testid="add-line" ?disabled=${products.length === 0} @click=${add}>
      ${icon('plus')} Add a line
    </button>
  `;
}
