import type { Conflict } from 'holdfast/client';
import { html, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { chosenRecord, fieldConflicts, type Side } from '../model/conflict-choice.ts';
import { createLoader } from '../model/loader.ts';
import { conflictCard } from '../view/conflict-card.ts';
import { plural } from '../view/format.ts';
import type { App, Page } from '../view/page.ts';
import { emptyState, failedState, skeletonRows } from '../view/parts.ts';

/** The records that were changed here and on the server, for a person to choose; `first` (`table/key`) stands at the top. */
export function createConflictsPage(app: App, first: string | null): Page {
  /** What was clicked, by conflict and field, over what is proposed. */
  const clicked = new Map<string, ReadonlyMap<string, Side>>();

  const list = createLoader<readonly Conflict[]>(async () => {
    const sync = await app.connected;
    const isFirst = ({ table, key }: Conflict): boolean => `${table}/${String(key)}` === first;
    const conflicts = await sync.conflicts();
    return [...conflicts.filter(isFirst), ...conflicts.filter((conflict) => !isFirst(conflict))];
  }, app.draw);

  const choicesOf = (conflict: Conflict): ReadonlyMap<string, Side> => {
    const choices = new Map<string, Side>();
    for (const { field, proposed } of fieldConflicts(conflict)) {
      const chosen = clicked.get(conflict.id)?.get(field) ?? proposed;
      if (chosen !== null) choices.set(field, chosen);
    }
    return choices;
  };

  const resolve = (conflict: Conflict, record: Conflict['local']): void => {
    app.attempt(async () => {
      const sync = await app.connected;
      if (await sync.resolve(conflict.id, record)) app.notify('done', 'Your choice is kept, and sent from here.');
      else app.notify('problem', 'The record has changed since. Look at it once more.');
      list.refresh();
    });
  };

  const card = (conflict: Conflict): TemplateResult => {
    const choices = choicesOf(conflict);
    return conflictCard(conflict, {
      choices,
      onChoose(field, side) {
        clicked.set(conflict.id, new Map([...(clicked.get(conflict.id) ?? []), [field, side]]));
        app.draw();
      },
      onResolve() {
        resolve(conflict, chosenRecord(conflict, choices));
      },
      onTake(side) {
        resolve(conflict, side === 'mine' ? conflict.local : conflict.server);
      },
    });
  };

  const content = (): TemplateResult => {
    const { current } = list;
    if (current.type === 'loading') return skeletonRows(2);
    if (current.type === 'failed') return failedState(current.message, list.restart);
    if (current.value.length === 0) {
      return emptyState('check', 'No conflicts', {
        text: 'A record that is changed here and on the server at the same time waits on this page for your choice.',
        action: html`<a class="button" href="/synchronization">To Synchronization</a>`,
      });
    }
    return html`
      <p class="found" role="status">
        <strong>${plural(current.value.length, 'record', 'records')}</strong> changed here and on the server
      </p>
      <ul class="failures">
        ${repeat(current.value, (conflict) => conflict.id, card)}
      </ul>
    `;
  };

  list.refresh();
  return {
    title: 'Conflicts',
    tables: ['products', 'visits', 'lines', 'photos', 'tasks', 'places'],
    view: () => html`<a class="back" href="/synchronization">‹ Sync</a>${content()}`,
    refresh: list.refresh,
    close: list.close,
  };
}
