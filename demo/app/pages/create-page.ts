import { html } from 'lit-html';
import { emptyState } from '../view/parts.ts';
import type { App, Page } from '../view/page.ts';
import type { Route } from '../view/route.ts';
import { createConflictsPage } from './conflicts.ts';
import { createPlacesPage } from './places.ts';
import { createProductsPage } from './products.ts';
import { createSynchronizationPage } from './synchronization.ts';
import { createStatusPage } from './status.ts';
import { createTaskPage } from './task.ts';
import { createVisitPage } from './visit.ts';
import { createVisitsPage } from './visits.ts';

function nothingToDo(): void {
  return undefined;
}

const missingPage: Page = {
  title: 'Not found',
  tables: [],
  view: () =>
    emptyState('place', 'There is no such page', {
      text: 'The address may be mistyped.',
      action: html`<a class="button" href="/">To the places</a>`,
    }),
  refresh: nothingToDo,
  close: nothingToDo,
};

export function createPage(app: App, route: Route): Page {
  switch (route.type) {
    case 'places':
      return createPlacesPage(app);
    case 'visits':
      return createVisitsPage(app);
    case 'new-visit':
      return createVisitPage(app, { key: null, placeId: route.placeId });
    case 'visit':
      return createVisitPage(app, { key: route.key, placeId: null });
    case 'task':
      return createTaskPage(app, route.key);
    case 'products':
      return createProductsPage(app);
    case 'synchronization':
      return createSynchronizationPage(app);
    case 'status':
      return createStatusPage(app);
    case 'conflicts':
      return createConflictsPage(app, route.first);
    case 'missing':
      return missingPage;
  }
}
