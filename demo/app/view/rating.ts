import { html, nothing, type TemplateResult } from 'lit-html';
import { icon } from './icons.ts';

const steps = [1, 2, 3, 4, 5] as const;

/** A rating to read; nothing if there is none. */
export function ratingStars(rating: number | null): TemplateResult | typeof nothing {
  if (rating === null) return nothing;
  return html`<span class="stars" role="img" aria-label=${`${String(rating)} of 5`}
    >${steps.map((step) => html`<span ?data-lit=${step <= rating}>${icon('star')}</span>`)}</span
  >`;
}

/** A rating to give: one to five stars, or none. */
export function ratingField(rating: number | null, onRate: (rating: number | null) => void): TemplateResult {
  return html`
    <fieldset class="rating">
      <legend>Rating</legend>
      <div class="rating-steps">
        ${steps.map(
          (step) => html`
            <label ?data-lit=${rating !== null && step <= rating}>
              <input
                type="radio"
                name="rating"
                value=${step}
                .checked=${rating === step}
                @change=${() => {
                  onRate(step);
                }}
              />
              ${icon('star')}<span class="hidden">${step} of 5</span>
            </label>
          `,
        )}
        <label class="rating-none">
          <input
            type="radio"
            name="rating"
            value=""
            .checked=${rating === null}
            @change=${() => {
              onRate(null);
            }}
          />
          <span>None</span>
        </label>
      </div>
    </fieldset>
  `;
}
