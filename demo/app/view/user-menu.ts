import { html, nothing, type TemplateResult } from 'lit-html';
import { users } from '../model/session.ts';
import { unsentOf } from '../model/unsent.ts';
import type { SyncWatch } from '../model/sync-watch.ts';

type UnsentChoice = 'upload' | 'keep' | 'discard';

export interface SignOutForm {
  readonly choice: UnsentChoice;
  readonly busy: boolean;
  /** Why the last attempt did not sign anybody out. */
  readonly problem: string | null;
}

export interface UserMenuParts {
  readonly user: string | null;
  readonly watch: SyncWatch;
  readonly signOut: SignOutForm;
  readonly onSwitchUser: (user: string) => void;
  readonly onChoose: (choice: UnsentChoice) => void;
  readonly onSignOut: () => void;
}

const choices: readonly { readonly value: UnsentChoice; readonly name: string; readonly text: string }[] = [
  {
    value: 'upload',
    name: 'Send it first',
    text: 'You are signed out only if the server took all of it. Drafts are not sent; they stay here.',
  },
  { value: 'keep', name: 'Keep it here', text: 'It stays on this device, unseen by others, until you sign in again.' },
  { value: 'discard', name: 'Discard it', text: 'It is deleted from this device for good, drafts too.' },
];

const buttonNames: Readonly<Record<UnsentChoice, string>> = {
  upload: 'Send it',
  keep: 'Keep it',
  discard: 'Discard it',
};

export function signInButtons(user: string | null, onSwitchUser: (user: string) => void): readonly TemplateResult[] {
  return users
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
    );
}

function choiceList({ signOut, onChoose }: UserMenuParts): TemplateResult {
  return html`
    <fieldset class="choices">
      <legend>What becomes of it?</legend>
      ${choices.map(
        ({ value, name, text }) => html`
          <label class="choice">
            <input
              type="radio"
              name="unsent"
              value=${value}
              data-testid=${`unsent-${value}`}
              .checked=${signOut.choice === value}
              ?disabled=${signOut.busy}
              @change=${() => {
                onChoose(value);
              }}
            />
            <span><strong>${name}</strong><span class="hint">${text}</span></span>
          </label>
        `,
      )}
    </fieldset>
  `;
}

function signOutPart(parts: UserMenuParts): TemplateResult {
  const { watch, signOut, onSignOut } = parts;
  const unsent = watch.pending === null ? null : unsentOf(watch.pending, watch.failures);
  const chooses = unsent !== null && unsent.total > 0;
  return html`
    <div class="sign-out">
      <p data-testid="unsent-count" data-count=${unsent?.total ?? ''}>
        ${
          unsent === null
            ? 'One moment …'
            : unsent.total === 0
              ? 'The server has all of your work.'
              : html`On this device only: <strong>${unsent.parts.join(', ')}</strong>.`
        }
      </p>
      ${chooses ? choiceList(parts) : nothing}
      ${signOut.problem === null ? nothing : html`<p class="field-error" role="alert">${signOut.problem}</p>`}
      <button
        type="button"
        class=${chooses && signOut.choice === 'discard' ? 'danger' : ''}
        data-testid="sign-out"
        ?disabled=${signOut.busy || unsent === null}
        @click=${onSignOut}
      >
        ${chooses ? `${buttonNames[signOut.choice]} and sign out` : 'Sign out'}
      </button>
    </div>
  `;
}

/** Who is signed in, who else could be, and the way out. */
export function userMenu(parts: UserMenuParts): TemplateResult {
  const { user, watch, onSwitchUser } = parts;
  const out = watch.signedOut;
  const name = out ? 'Signed out' : (user ?? '–');
  const title = out ? 'Signed out' : `Signed in as ${name}`;
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
      <summary aria-label=${title}>
        <span class="avatar" aria-hidden="true">${out ? '–' : name.slice(0, 1).toUpperCase()}</span>
        <span class="user-name">${name.slice(0, 1).toUpperCase()}${name.slice(1)}</span>
      </summary>
      <div class="menu">
        ${
          user === null
            ? html`<p>Nobody is signed in on this device.</p>`
            : html`<p>Signed in as <strong>${user}</strong></p>
                ${signOutPart(parts)}`
        }
        <div class="sign-ins">
          ${signInButtons(user, onSwitchUser)}
          ${
            user === null
              ? nothing
              : html`<p class="hint">
                  What ${user} has not sent yet stays on this device until ${user} signs in again.
                </p>`
          }
        </div>
      </div>
    </details>
  `;
}
