import { html, nothing, type TemplateResult } from 'lit-html';
import { countryName } from '../model/countries.ts';
import { createLoader } from '../model/loader.ts';
import { searchPlaces } from '../model/places.ts';
import type { Place } from '../model/records.ts';
import { formatCount } from './format.ts';
import { icon } from './icons.ts';
import type { App } from './page.ts';

const shownPlaces = 8;
const typingPauseMs = 90;

export interface PlacePicker {
  view(chosen: Place | null, error: TemplateResult | typeof nothing): TemplateResult;
  close(): void;
}

/** The place of a visit, found by its name; a visit may have none. */
export function createPlacePicker(app: App, onChoose: (place: Place | null) => void): PlacePicker {
  let text = '';
  let open = false;
  let pause: ReturnType<typeof setTimeout> | undefined;

  const found = createLoader(async (signal) => {
    await app.connected;
    return await searchPlaces({ text, country: '' }, { limit: shownPlaces, signal });
  }, app.draw);

  const choose = (place: Place | null): void => {
    text = '';
    open = false;
    onChoose(place);
  };

  const results = (): TemplateResult | typeof nothing => {
    if (text.trim() === '') return nothing;
    const { current } = found;
    if (current.type === 'loading') return html`<p class="hint">Looking …</p>`;
    if (current.type === 'failed') return html`<p class="field-error" role="alert">${current.message}</p>`;
    const { places, total } = current.value;
    if (places.length === 0) return html`<p class="hint" role="status">No place of that name.</p>`;
    return html`
      <ul class="picks" aria-label="Places found">
        ${places.map(
          (place) => html`
            <li>
              <button
                type="button"
                data-testid="place-pick"
                data-key=${place.id}
                @click=${() => {
                  choose(place);
                }}
              >
                <span class="country" aria-hidden="true">${place.country}</span>
                <span><strong>${place.name}</strong> ${countryName(place.country)}</span>
              </button>
            </li>
          `,
        )}
      </ul>
      ${
        total > places.length
          ? html`<p class="hint" role="status">
              ${formatCount(total - places.length)} more: type on to narrow them down.
            </p>`
          : nothing
      }
    `;
  };

  const chosenView = (place: Place): TemplateResult => html`
    <div class="chosen">
      <span class="country" aria-hidden="true">${place.country}</span>
      <span class="row-words"
        ><strong>${place.name}</strong><span class="row-more">${countryName(place.country)}</span></span
      >
      <button
        type="button"
        class="quiet"
        @click=${() => {
          open = true;
          app.draw();
        }}
      >
        Change
      </button>
      <button
        type="button"
        class="quiet icon-only"
        aria-label="No place"
        @click=${() => {
          choose(null);
        }}
      >
        ${icon('close')}
      </button>
    </div>
  `;

  const searchView = (): TemplateResult => html`
    <input
      id="visit-place"
      type="search"
      placeholder="Begin to type a name"
      autocomplete="off"
      spellcheck="false"
      data-testid="visit-place-search"
      .value=${text}
      @keydown=${(event: KeyboardEvent) => {
        // Enter would save the visit, which nobody expects of a search.
        if (event.key === 'Enter') event.preventDefault();
      }}
      @input=${(event: Event) => {
        if (!(event.target instanceof HTMLInputElement)) return;
        text = event.target.value;
        clearTimeout(pause);
        pause = setTimeout(found.restart, typingPauseMs);
      }}
    />
    ${results()}
  `;

  return {
    view: (chosen, error) => html`
      <div class="field">
        <label for="visit-place">Place</label>
        ${chosen !== null && !open ? chosenView(chosen) : searchView()} ${error}
      </div>
    `,
    close() {
      clearTimeout(pause);
      found.close();
    },
  };
}
