import type { Failure, StatusDetail } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import type { Product, Visit } from '../model/records.ts';
import { estimateTotal, type LineDraft, type VisitDraft } from '../model/visits.ts';
import { failureRow } from './failure-row.ts';
import { formatAmount } from './format.ts';
import { icon } from './icons.ts';
import { linesEditor } from './lines-editor.ts';
import type { App } from './page.ts';
import { ratingField } from './rating.ts';
import { statusMark } from './status-mark.ts';

export interface VisitFormParts {
  readonly draft: VisitDraft;
  readonly lines: readonly LineDraft[];
  readonly edited: boolean;
  /** As stored; null for a new one. */
  readonly visit: Visit | null;
  readonly detail: StatusDetail;
  /** Why fields were refused. */
  readonly failures: readonly Failure[];
  /** Of these, those that are told above the form. */
  readonly listed: readonly Failure[];
  /** How the visit's closing together with its stock stands. */
  readonly closing: TemplateResult | typeof nothing;
  readonly products: readonly Product[];
  readonly picker: (error: TemplateResult | typeof nothing) => TemplateResult;
  readonly onEdit: (fields: Partial<VisitDraft>) => void;
  readonly onLines: (lines: readonly LineDraft[]) => void;
  readonly onSave: () => void;
  readonly onKeep: () => void;
  readonly onDiscard: (() => void) | null;
  readonly onClose: (() => void) | null;
  readonly onCloseWithStock: (() => void) | null;
  readonly onDelete: (() => void) | null;
}

function typed(event: Event): string {
  const { target } = event;
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ? target.value : '';
}

function totalView({ visit, lines, edited, detail }: VisitFormParts): TemplateResult {
  const stored = edited || detail !== 'clean' ? null : (visit?.total ?? null);
  const computed = stored !== null;
  const total = stored ?? estimateTotal(lines);
  return html`
    <p class="total" data-testid="visit-total" data-computed=${computed ? 'server' : 'here'}>
      <span>Total</span>
      <strong class="figures">${computed ? '' : '≈ '}${formatAmount(total)}</strong>
      <span class="hint">${computed ? 'computed by the server' : 'an estimate; the server computes it'}</span>
    </p>
  `;
}

/** The form of a visit. Nothing is demanded here that the server demands: what it refuses comes back with its reason. */
export function visitForm(app: App, parts: VisitFormParts): TemplateResult {
  const { draft, visit, failures, onEdit } = parts;
  const fieldError = (field: string): TemplateResult | typeof nothing => {
    const message = failures.map((failure) => failure.fields?.[field]).find((found) => found !== undefined);
    return message === undefined ? nothing : html`<p class="field-error" id=${`error-${field}`}>${message}</p>`;
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    parts.onSave();
  };
  return html`
    ${
      visit === null
        ? nothing
        : html`<p class="visit-state">
            ${statusMark(parts.detail, { syncing: app.watch.syncing, always: true })}
            ${visit.closed ? html`<span class="tag">Closed</span>` : nothing}
          </p>`
    }
    ${parts.closing}
    ${
      parts.listed.length > 0
        ? html`<ul class="failures" aria-label="Why the server did not take it">
            ${parts.listed.map((failure) => failureRow(app, failure, { linked: false }))}
          </ul>`
        : nothing
    }
    ${
      parts.onDiscard === null
        ? nothing
        : html`<p class="draft-words hint" data-testid="draft-words">
            This is a draft: it stays on this device and is never sent. Save makes it part of your work; the next
            synchronization sends it.
          </p>`
    }
    <form class="visit-form" novalidate @submit=${onSubmit}>
      <section class="card">
        ${parts.picker(fieldError('placeId'))}
        <div class="pair">
          <div class="field">
            <label for="visit-date">Date</label>
            <input
              id="visit-date"
              type="date"
              data-testid="visit-date"
              .value=${draft.date}
              @change=${(event: Event) => {
                onEdit({ date: typed(event) });
              }}
            />
            ${fieldError('date')}
          </div>
          <div class="field">
            <label for="visit-reference">Reference</label>
            <input
              id="visit-reference"
              type="text"
              autocomplete="off"
              data-testid="visit-reference"
              aria-describedby="visit-reference-help"
              .value=${draft.reference}
              @input=${(event: Event) => {
                onEdit({ reference: typed(event) });
              }}
            />
            <p class="hint" id="visit-reference-help">The server writes it in capitals.</p>
            ${fieldError('reference')}
          </div>
        </div>
        <div class="field">
          <label for="visit-note">Note</label>
          <textarea
            id="visit-note"
            rows="4"
            data-testid="visit-note"
            aria-describedby="visit-note-help error-note"
            .value=${draft.note}
            @input=${(event: Event) => {
              onEdit({ note: typed(event) });
            }}
          ></textarea>
          <p class="hint" id="visit-note-help">
            The server wants a note. It refuses one with the word <code>#reject</code>, to show what a failure looks
            like.
          </p>
          ${fieldError('note')}
        </div>
        ${ratingField(draft.rating, (rating) => {
          onEdit({ rating });
        })}
        ${fieldError('rating')}
      </section>
      <section class="card" aria-labelledby="lines-title">
        <h2 id="lines-title">Lines</h2>
        ${linesEditor(parts.lines, { products: parts.products, onChange: parts.onLines })} ${totalView(parts)}
      </section>
      <div class="form-actions">
        <button type="submit" class="primary" data-testid="visit-save">${icon('check')} Save</button>
        ${
          visit?.closed === true
            ? nothing
            : html`<button type="button" data-testid="visit-keep" @click=${parts.onKeep}>
                ${icon('pencil')} ${parts.onDiscard === null ? 'Save as draft' : 'Keep the draft'}
              </button>`
        }
        ${
          parts.onClose === null || visit?.closed === true
            ? nothing
            : html`<button type="button" data-testid="visit-close" @click=${parts.onClose}>Close the visit</button>`
        }
        ${
          parts.onCloseWithStock === null || visit?.closed === true || parts.lines.length === 0
            ? nothing
            : html`<button
                type="button"
                data-testid="visit-close-stock"
                title="Saves the visit, takes its lines out of the stock, and closes it: all of it, or nothing."
                @click=${parts.onCloseWithStock}
              >
                Close and take from stock
              </button>`
        }
        ${
          parts.onDelete === null
            ? nothing
            : html`<button type="button" class="danger" data-testid="visit-delete" @click=${parts.onDelete}>
                ${icon('trash')} Delete
              </button>`
        }
        ${
          parts.onDiscard === null
            ? nothing
            : html`<button type="button" class="danger" data-testid="draft-discard" @click=${parts.onDiscard}>
                ${icon('trash')} Discard the draft
              </button>`
        }
        ${parts.edited ? html`<span class="hint" role="status">Not saved yet</span>` : nothing}
      </div>
    </form>
  `;
}
