import type { StatusDetail } from 'holdfast/client';
import { html, nothing, type TemplateResult } from 'lit-html';
import { readList, readRecord, recordPath } from '../model/api.ts';
import { type Closing, closeWithStock, forgetClosing, readClosing } from '../model/closing.ts';
import { readPhotos, type VisitPhotos } from '../model/photos.ts';
import {
  commitDraft,
  discardDraft,
  keepDraft,
  readKeptDraft,
  removedLines,
  type ShownVisit,
  withDraftLines,
} from '../model/drafts.ts';
import { createLoader } from '../model/loader.ts';
import { placesByKey } from '../model/places.ts';
import { type Place, type Product, readProduct, readVisit, type Visit } from '../model/records.ts';
import {
  closeVisit,
  deleteLines,
  deleteVisit,
  type LineDraft,
  readLines,
  storeLines,
  storeVisit,
  today,
  type VisitDraft,
} from '../model/visits.ts';
import { readTasks, type VisitTasks } from '../model/tasks.ts';
import { closingCard } from '../view/closing-card.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';
import { createPlacePicker } from '../view/place-picker.ts';
import { visitForm } from '../view/visit-form.ts';
import { type VisitLists, visitLists } from './visit-lists.ts';

interface Stored extends VisitLists {
  readonly detail: StatusDetail;
  readonly products: readonly Product[];
  readonly closing: Closing | null;
}

const noPhotos: VisitPhotos = { photos: [], marks: new Map() };
const noTasks: VisitTasks = { tasks: [], marks: new Map() };

function draftOf(visit: Visit | null): VisitDraft {
  return {
    placeId: visit?.placeId ?? null,
    date: visit?.date ?? today(),
    note: visit?.note ?? '',
    rating: visit?.rating ?? null,
    reference: visit?.reference ?? '',
  };
}

/** A visit: its form, its lines, and how it stands with the server. `key` null: a new one. */
export function createVisitPage(
  app: App,
  { key, placeId }: { readonly key: string | null; readonly placeId: string | null },
): Page {
  /** What the form was filled with; saving writes the difference to it. */
  let shown: ShownVisit = { visit: null, lines: [], storedLines: [], kept: null };
  let draft: VisitDraft = { ...draftOf(null), placeId };
  let lines: readonly LineDraft[] = [];
  let place: Place | null = null;
  let edited = false;
  let saving = false;

  const stored = createLoader<Stored>(async (signal) => {
    const sync = await app.connected;
    const [storedVisit, storedLines, kept, status, products, photos, tasks, closing] = await Promise.all([
      key === null ? null : readRecord(recordPath('visits', key), readVisit),
      key === null ? [] : readLines(key),
      key === null ? null : readKeptDraft(sync, key),
      key === null ? null : sync.statusOf('visits', key),
      readList('/api/products', readProduct, { query: { orderBy: 'Name', limit: 500 }, signal }),
      key === null ? noPhotos : readPhotos(key),
      key === null ? noTasks : readTasks(key),
      key === null ? null : readClosing(sync, key),
    ]);
    const visit = kept?.visit ?? storedVisit;
    const visitLines = withDraftLines(storedLines, kept?.lines ?? []);
    const placeKey = visit?.placeId ?? placeId;
    const found = placeKey === null ? null : ((await placesByKey([placeKey])).get(placeKey) ?? null);
    // What was typed meanwhile is the user's: what a run brought shows after saving.
    if (!edited && !saving && !signal.aborted) {
      shown = { visit, lines: visitLines, storedLines, kept };
      if (visit !== null) draft = draftOf(visit);
      lines = visitLines;
      place = found;
    }
    const detail = kept === null ? (status?.detail ?? 'clean') : 'draft';
    return { detail, products: products.records, photos, tasks, closing };
  }, app.draw);

  const picker = createPlacePicker(app, (chosen) => {
    place = chosen;
    edit({ placeId: chosen?.id ?? null });
  });

  function edit(fields: Partial<VisitDraft>): void {
    draft = { ...draft, ...fields };
    edited = true;
    app.draw();
  }

  async function save(): Promise<void> {
    if (saving) return;
    saving = true;
    try {
      const visit = shown.kept === null ? await store() : await commit();
      edited = false;
      app.notify('done', 'Saved on this device. The server gets it with the next synchronization.');
      showAs(visit);
    } finally {
      saving = false;
      stored.refresh();
    }
  }

  async function store(): Promise<Visit> {
    const visit = await storeVisit(draft, shown.visit);
    shown = { ...shown, visit };
    const visitLines = await storeLines(visit.id, lines, shown.lines);
    shown = { ...shown, lines: visitLines, storedLines: visitLines };
    return visit;
  }

  /** The drafts hold what is in the form before they become changes. */
  async function commit(): Promise<Visit> {
    const removed = removedLines(shown, lines);
    const visit = await keepDraft(draft, { shown, lines });
    await commitDraft(await app.connected, visit.id);
    await deleteLines(removed);
    const visitLines = lines.map((line) => ({ ...line, visitId: visit.id }));
    shown = { visit, lines: visitLines, storedLines: visitLines, kept: null };
    return visit;
  }

  async function keep(): Promise<void> {
    if (saving) return;
    if (removedLines(shown, lines).length > 0)
      throw new Error('A draft keeps what is added and changed. To remove a line that was saved before, use Save.');
    saving = true;
    try {
      const visit = await keepDraft(draft, { shown, lines });
      const kept = await readKeptDraft(await app.connected, visit.id);
      shown = { ...shown, visit, lines: withDraftLines(shown.storedLines, kept?.lines ?? []), kept };
      edited = false;
      app.notify('done', 'Kept as a draft on this device. It is not sent before you save it.');
      showAs(visit);
    } finally {
      saving = false;
      stored.refresh();
    }
  }

  async function giveUp(visit: Visit): Promise<void> {
    const isNew = shown.kept?.isNew === true;
    await discardDraft(await app.connected, visit.id);
    edited = false;
    app.notify('done', isNew ? 'The draft was discarded.' : 'The draft was discarded. The visit is as it was before.');
    if (isNew) app.navigate('/visits');
    else stored.refresh();
  }

  function showAs(visit: Visit): void {
    if (key === null) app.navigate(`/visits/${encodeURIComponent(visit.id)}`, { replace: true });
  }

  async function close(visit: Visit): Promise<void> {
    await closeVisit(visit.id);
    app.notify('done', 'The visit will be closed with the next synchronization.');
    stored.refresh();
  }

  async function closeTogether(visit: Visit): Promise<void> {
    if (saving) return;
    saving = true;
    try {
      await closeWithStock(await app.connected, visit, { draft, lines, shownLines: shown.lines });
      edited = false;
      app.notify('done', 'Kept on this device. The server takes all of it together, or nothing.');
    } finally {
      saving = false;
      stored.refresh();
    }
  }

  async function remove(visit: Visit): Promise<void> {
    await deleteVisit(visit.id, await readLines(visit.id));
    app.selection.delete(visit.id);
    app.notify('done', 'The visit was deleted.');
    app.navigate('/visits');
  }

  const content = (): TemplateResult => {
    const { current } = stored;
    if (current.type === 'loading') return skeletonRows(5);
    if (current.type === 'failed') return failedState(current.message, stored.restart);
    const { visit } = shown;
    const failures = app.watch.failures.filter((failure) => failure.table === 'visits' && failure.key === key);
    if (key !== null && visit === null && failures.length === 0) {
      return emptyState('visits', 'There is no such visit', {
        text: 'It was deleted, here or by somebody else.',
        action: html`<a class="button" href="/visits">To the visits</a>`,
      });
    }
    const { closing } = current.value;
    const isClosing = closing !== null && closing.outcome.type !== 'applied';
    const together = app.watch.failures.filter(({ group, retriable }) => {
      return retriable && group !== undefined && group === closing?.group;
    });
    const whenStored = (action: (known: Visit) => Promise<void>): (() => void) | null =>
      visit === null
        ? null
        : () => {
            app.attempt(() => action(visit));
          };
    const form = visitForm(app, {
      draft,
      lines,
      edited,
      visit,
      failures,
      listed: failures.filter((failure) => !together.includes(failure)),
      closing:
        closing === null
          ? nothing
          : closingCard(app, closing, {
              failures: together,
              onDismiss() {
                if (key !== null) forgetClosing(key);
                stored.refresh();
              },
            }),
      detail: current.value.detail,
      products: current.value.products,
      picker: (error) => picker.view(place, error),
      onEdit: edit,
      onLines(next) {
        lines = next;
        edit({});
      },
      onSave() {
        app.attempt(save);
      },
      onKeep() {
        app.attempt(keep);
      },
      onDiscard: shown.kept === null ? null : whenStored(giveUp),
      onClose: shown.kept === null && !isClosing ? whenStored(close) : null,
      onCloseWithStock: shown.kept === null && !isClosing ? whenStored(closeTogether) : null,
      onDelete: shown.kept === null ? whenStored(remove) : null,
    });
    if (visit === null || shown.kept?.isNew === true) return form;
    return html`${form}${visitLists(app, visit, { ...current.value, onChanged: stored.refresh })}`;
  };

  stored.refresh();
  return {
    get title() {
      if (place !== null) return place.name;
      return key === null ? 'New visit' : 'Visit';
    },
    tables: ['visits', 'lines', 'products', 'photos', 'tasks'],
    view: () => html`<a class="back" href="/visits">‹ Visits</a>${content()}`,
    refresh: stored.refresh,
    close() {
      picker.close();
      stored.close();
    },
  };
}
