import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { countryName } from '../model/countries.ts';
import type { DraftRow } from '../model/drafts.ts';
import { createLoader } from '../model/loader.ts';
import type { Place, Visit } from '../model/records.ts';
import { readVisitList, type VisitRow } from '../model/visit-list.ts';
import { conflictAddress } from '../view/conflict-link.ts';
import { formatAmount, formatCount, formatDay, plural } from '../view/format.ts';
import { icon } from '../view/icons.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';
import { ratingStars } from '../view/rating.ts';
import { statusMark } from '../view/status-mark.ts';

const pageLength = 50;

function visitWords(visit: Visit, place: Place | null): TemplateResult {
  return html`
    <span class="row-words">
      <strong>${place?.name ?? (visit.placeId === null ? 'No place' : visit.placeId)}</strong>
      <span class="row-more"
        ><time datetime=${visit.date}>${formatDay(visit.date)}</time>${
          place === null ? nothing : html`<span>${countryName(place.country)}</span>`
        }${visit.reference === null ? nothing : html`<span class="figures">${visit.reference}</span>`}</span
      >
      ${visit.note === '' ? nothing : html`<span class="row-note">${visit.note}</span>`}
    </span>
  `;
}

function draftsSection(drafts: readonly DraftRow[]): TemplateResult | typeof nothing {
  if (drafts.length === 0) return nothing;
  return html`
    <section class="drafts" aria-labelledby="drafts-title">
      <p class="found" id="drafts-title">
        <strong>${plural(drafts.length, 'draft', 'drafts')}</strong> on this device only
      </p>
      <ul class="rows">
        ${repeat(
          drafts,
          ({ visit }) => visit.id,
          ({ visit, place }) => html`
            <li class="visit-row" data-testid="draft-row" data-key=${visit.id}>
              <a class="row" href=${`/visits/${encodeURIComponent(visit.id)}`}>
                ${visitWords(visit, place)}
                <span class="row-end">${statusMark('draft', { syncing: false })}</span>
              </a>
            </li>
          `,
        )}
      </ul>
    </section>
  `;
}

/** The list of visits, with a mark at each that is not synchronized. */
export function createVisitsPage(app: App): Page {
  let limit = pageLength;
  let onlyUnsynchronized = new URLSearchParams(location.search).has('unsynchronized');

  const list = createLoader(async (signal) => {
    const sync = await app.connected;
    return await readVisitList(sync, { limit, onlyUnsynchronized, signal });
  }, app.draw);

  const choose = (only: boolean): void => {
    onlyUnsynchronized = only;
    limit = pageLength;
    history.replaceState(null, '', only ? '/visits?unsynchronized' : '/visits');
    list.restart();
    app.draw();
  };

  const tick = (key: string, event: Event): void => {
    if (!(event.target instanceof HTMLInputElement)) return;
    if (event.target.checked) app.selection.add(key);
    else app.selection.delete(key);
    app.draw();
  };

  const visitRow = ({ visit, place, detail }: VisitRow): TemplateResult => html`
    <li class="visit-row" data-testid="visit-row" data-key=${visit.id} data-status=${detail}>
      <label class="tick">
        <input
          type="checkbox"
          aria-label=${`Select the visit to ${place?.name ?? 'no place'} on ${formatDay(visit.date)}`}
          .checked=${app.selection.has(visit.id)}
          @change=${(event: Event) => {
            tick(visit.id, event);
          }}
        />
      </label>
      <a
        class="row"
        href=${detail === 'conflict' ? conflictAddress('visits', visit.id) : `/visits/${encodeURIComponent(visit.id)}`}
      >
        ${visitWords(visit, place)}
        <span class="row-end">
          ${visit.total === null ? nothing : html`<span class="amount figures">${formatAmount(visit.total)}</span>`}
          ${ratingStars(visit.rating)} ${visit.closed ? html`<span class="tag">Closed</span>` : nothing}
          ${statusMark(detail, { syncing: app.watch.syncing })}
        </span>
      </a>
    </li>
  `;

  const selectionBar = (): TemplateResult | typeof nothing => {
    const { size } = app.selection;
    if (size === 0) return nothing;
    return html`
      <div class="selection-bar" role="region" aria-label="Selection">
        <strong>${plural(size, 'visit', 'visits')}</strong>
        <button
          type="button"
          class="quiet icon-only"
          aria-label="Clear the selection"
          @click=${() => {
            app.selection.clear();
            app.draw();
          }}
        >
          ${icon('close')}
        </button>
        <button
          type="button"
          class="primary"
          data-testid="sync-selected"
          @click=${() => {
            app.synchronize('selected');
          }}
        >
          ${icon('sync')} Synchronize<span class="wide-word">selected</span>
          <span class="figures">(${formatCount(size)})</span>
        </button>
      </div>
    `;
  };

  const rows = (): TemplateResult => {
    const { current } = list;
    if (current.type === 'loading') return skeletonRows(6);
    if (current.type === 'failed') return failedState(current.message, list.restart);
    const { rows: shown, total, drafts } = current.value;
    if (shown.length === 0) {
      if (drafts.length > 0 && !onlyUnsynchronized) return html`${draftsSection(drafts)}`;
      return onlyUnsynchronized
        ? emptyState('check', 'Everything is synchronized', { text: 'The server has each of your visits.' })
        : emptyState('visits', 'No visits yet', {
            text: 'Find a place and begin your round. A visit is kept on this device at once, with or without a network.',
            action: html`<a class="button primary" href="/places">${icon('search')} Find a place</a>`,
          });
    }
    return html`
      ${onlyUnsynchronized ? nothing : draftsSection(drafts)}
      <p class="found" role="status"><strong>${plural(total, 'visit', 'visits')}</strong></p>
      <ul class="rows visit-rows">
        ${repeat(shown, ({ visit }) => visit.id, visitRow)}
      </ul>
      ${
        shown.length < total
          ? html`<button
              type="button"
              class="more"
              @click=${() => {
                limit += pageLength;
                list.refresh();
              }}
            >
              More <span class="figures">(${formatCount(total - shown.length)})</span>
            </button>`
          : nothing
      }
    `;
  };

  list.refresh();
  return {
    title: 'Visits',
    tables: ['visits'],
    view: () => html`
      <div class="bar">
        <div class="switch" role="group" aria-label="Which visits">
          <button
            type="button"
            aria-pressed=${onlyUnsynchronized ? 'false' : 'true'}
            @click=${() => {
              choose(false);
            }}
          >
            All
          </button>
          <button
            type="button"
            data-testid="only-unsynchronized"
            aria-pressed=${onlyUnsynchronized ? 'true' : 'false'}
            @click=${() => {
              choose(true);
            }}
          >
            Not synchronized
          </button>
        </div>
        <a class="button primary" href="/visits/new" data-testid="new-visit"
          >${icon('plus')} New<span class="wide-word">visit</span></a
        >
      </div>
      ${rows()} ${selectionBar()}
    `,
    refresh: list.refresh,
    close: list.close,
  };
}
