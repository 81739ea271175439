import { html } from 'lit-html';
import type { App, Page } from '../view/page.ts';
import { emptyState } from '../view/parts.ts';
import { signInButtons } from '../view/user-menu.ts';

function nothingToDo(): void {
  return undefined;
}

/** What stands at every address while nobody is signed in: nothing of anybody's data, and the way back. */
export function createSignedOutPage(app: App): Page {
  const signIn = (user: string): void => {
    app.signIn(user);
  };
  return {
    title: 'Signed out',
    tables: [],
    view: () => html`
      <div data-testid="signed-out">
        ${emptyState('pause', 'Nobody is signed in', {
          text: 'Nothing is shown, sent or received on this device until somebody signs in. What was kept waits for its user.',
          action: html`<div class="sign-ins">${signInButtons(null, signIn)}</div>`,
        })}
      </div>
    `,
    refresh: nothingToDo,
    close: nothingToDo,
  };
}
