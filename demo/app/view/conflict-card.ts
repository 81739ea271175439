import type { Conflict } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { fieldConflicts, type FieldConflict, type Side } from '../model/conflict-choice.ts';
import { recordName } from './failure-row.ts';
import { tableName } from './format.ts';
import { icon } from './icons.ts';
import { statusMark } from './status-mark.ts';

interface CardParts {
  readonly choices: ReadonlyMap<string, Side>;
  readonly onChoose: (field: string, side: Side) => void;
  /** Sends what was chosen by field. */
  readonly onResolve: () => void;
  /** Sends one side's copy as it is. */
  readonly onTake: (side: Side) => void;
}

function valueText(value: unknown): string {
  if (value === undefined || value === null || value === '') return '—';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function side(
  conflict: Conflict,
  of: FieldConflict,
  { name, parts }: { name: Side; parts: CardParts },
): TemplateResult {
  return html`
    <label class="conflict-value conflict-choice">
      <span class="conflict-side"
        ><input
          type="radio"
          name=${`${conflict.id} ${of.field}`}
          data-testid=${`choose-${name}`}
          .checked=${parts.choices.get(of.field) === name}
          @change=${() => {
            parts.onChoose(of.field, name);
          }}
        />${name === 'mine' ? 'Mine' : 'Server'}</span
      >
      <strong class="figures">${valueText(of[name])}</strong>
    </label>
  `;
}

function fieldChoice(conflict: Conflict, of: FieldConflict, parts: CardParts): TemplateResult {
  return html`
    <fieldset class="conflict-field" data-testid="conflict-field" data-field=${of.field}>
      <legend>${of.field}</legend>
      <div class="conflict-value">
        <span class="conflict-side">Before</span>
        <span class="figures">${valueText(of.base)}</span>
      </div>
      ${side(conflict, of, { name: 'mine', parts })} ${side(conflict, of, { name: 'server', parts })}
    </fieldset>
  `;
}

function wholeText({ local, server }: Conflict): TemplateResult | typeof nothing {
  if (local === null) return html`<p>You deleted it here; on the server it was changed meanwhile.</p>`;
  if (server === null) return html`<p>You changed it here; on the server it was deleted meanwhile.</p>`;
  return nothing;
}

/** A record that was changed here and on the server: its copies side by side, and the choice. */
export function conflictCard(conflict: Conflict, parts: CardParts): TemplateResult {
  const fields = fieldConflicts(conflict);
  const open = fields.filter(({ field }) => !parts.choices.has(field)).length;
  const take = (name: Side, text: string): TemplateResult => html`
    <button
      type="button"
      data-testid=${`take-${name}`}
      @click=${() => {
        parts.onTake(name);
      }}
    >
      ${text}
    </button>
  `;
  return html`
    <li class="card conflict" data-testid="conflict" data-table=${conflict.table} data-key=${conflict.key}>
      <p class="failure-what">
        <strong>${recordName(conflict.local ?? conflict.server, conflict.key)}</strong>
        <span class="tag">${tableName(conflict.table)}</span>
        ${statusMark('conflict', { syncing: false })}
      </p>
      ${wholeText(conflict)} ${fields.map((of) => fieldChoice(conflict, of, parts))}
      <div class="buttons">
        ${
          fields.length > 0
            ? html`<button
                type="button"
                class="primary"
                data-testid="conflict-resolve"
                ?disabled=${open > 0}
                @click=${parts.onResolve}
              >
                ${icon('check')} Keep what is chosen
              </button>`
            : nothing
        }
        ${take('mine', conflict.local === null ? 'Delete it' : 'Keep all of mine')}
        ${take('server', conflict.server === null ? 'Let it go' : 'Keep the server’s copy')}
      </div>
      ${open > 0 ? html`<p class="hint">Both sides changed what has no choice yet.</p>` : nothing}
    </li>
  `;
}
