import { html, nothing, type TemplateResult } from 'lit-html';
import type { SyncWatch } from '../model/sync-watch.ts';

interface BannerParts {
  readonly connectFailure: string | null;
  readonly user: string | null;
  /** Who signed in from another tab, if that is not this page's user; empty: nobody, another tab signed out. */
  readonly otherUser: string | null;
  readonly watch: SyncWatch;
  readonly onReload: () => void;
  readonly onSignIn: (user: string) => void;
  readonly onUpdate: () => void;
}

function banner(text: string, { label, run }: { readonly label: string; readonly run: () => void }): TemplateResult {
  return html`
    <div class="banner" role="status" data-testid="banner">
      <p>${text}</p>
      <button type="button" @click=${run}>${label}</button>
    </div>
  `;
}

function otherTab(otherUser: string, user: string | null): string {
  const shown = user === null ? 'This one shows nobody.' : `This one still shows ${user}.`;
  return otherUser === ''
    ? `Another tab signed out. ${shown} Nothing more is stored from here.`
    : `Another tab signed in as ${otherUser}. ${shown}`;
}

/** What asks the user to do something, on every page. */
export function banners(parts: BannerParts): TemplateResult {
  const { connectFailure, user, otherUser, watch, onReload, onSignIn, onUpdate } = parts;
  const signIn = (): void => {
    if (user !== null) onSignIn(user);
  };
  return html`
    ${connectFailure === null ? nothing : banner(connectFailure, { label: 'Try again', run: onReload })}
    ${otherUser === null ? nothing : banner(otherTab(otherUser, user), { label: 'Reload', run: onReload })}
    ${watch.lost === null ? nothing : banner(watch.lost, { label: 'I have read this', run: watch.lostRead })}
    ${
      watch.authRequired && user !== null
        ? banner('The server asks you to sign in again. Everything not sent is kept.', {
            label: `Sign in as ${user}`,
            run: signIn,
          })
        : nothing
    }
    ${
      watch.updateWaiting
        ? banner('A new version of Rounds is ready.', { label: 'Use it now', run: onUpdate })
        : nothing
    }
  `;
}
