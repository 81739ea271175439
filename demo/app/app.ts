import {
  connectSync,
  PartialSynchronizationError,
  SyncBusyError,
  type RunMode,
  type SyncClient,
} from 'holdfast/client';
import { html, render } from 'lit-html';
import { keyed } from 'lit-html/directives/keyed.js';
import { problemMessage } from './model/api.ts';
import { testConnectivity } from './model/connectivity.ts';
import { selectionOf } from './model/selection.ts';
import {
  firstUser,
  forgetUser,
  rememberedKey,
  rememberedUser,
  rememberUser,
  renewSession,
  settleSignOut,
  signInAtServer,
} from './model/session.ts';
import { createSyncWatch } from './model/sync-watch.ts';
import { createPage } from './pages/create-page.ts';
import { createSignedOutPage } from './pages/signed-out.ts';
import { banners } from './view/banners.ts';
import { createNotices } from './view/notices.ts';
import type { App, Page } from './view/page.ts';
import { runOutcomeText } from './view/run-outcome.ts';
import { parseRoute, type Route } from './view/route.ts';
import { createRouter } from './view/router.ts';
import { shell } from './view/shell.ts';
import type { SignOutForm } from './view/user-menu.ts';

declare global {
  /** The connected client, for the console. */
  var holdfast: SyncClient | undefined;
}

const firstUseOffline =
  'Rounds has not been used on this device yet, and the server cannot be reached. Connect once; after that it works without a network.';

export function startApp(root: HTMLElement): void {
  let user: string | null = null;
  const startsSignedOut = rememberedUser() === '';
  let signOutForm: SignOutForm = { choice: 'upload', busy: false, problem: null };
  let otherUser: string | null = null;
  let connectFailure: string | null = null;
  let page: Page | null = null;
  let visited = 0;
  let drawing = false;

  const draw = (): void => {
    if (drawing) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      drawNow();
    });
  };

  const notices = createNotices(draw);
  const connectivity = testConnectivity((answered) => {
    watch.reachable(answered);
    if (answered && startsSignedOut) void settleSignOut();
  });
  const watch = createSyncWatch({
    draw,
    onChanged(tables) {
      if (page?.tables.some((table) => tables.includes(table)) === true) page.refresh();
    },
    onBusy(message) {
      notices.add('busy', message);
    },
    onRunEnded(failed) {
      page?.refresh();
      if (failed) connectivity.test();
    },
  });

  const start = async (): Promise<SyncClient> => {
    if (startsSignedOut) return startSignedOut();
    const remembered = rememberedUser();
    const [sync, starting] = await Promise.all([connectSync({ worker: '/sw.js' }), remembered ?? firstUser()]);
    globalThis.holdfast = sync;
    watch.reachable(starting !== null);
    if (starting === null) throw new Error(firstUseOffline);
    user = starting;
    await sync.signIn({ user });
    rememberUser(user);
    await watch.follow(sync);
    app.attempt(() => (remembered === null ? downloadFirst(sync) : renew(sync, remembered)));
    draw();
    return sync;
  };
  /** Connects without signing anybody in: whoever comes next does so by hand. */
  async function startSignedOut(): Promise<SyncClient> {
    const sync = await connectSync({ worker: '/sw.js' });
    globalThis.holdfast = sync;
    await watch.follow(sync);
    connectivity.test();
    return sync;
  }

  const connected = start();
  connected.catch((error: unknown) => {
    connectFailure = problemMessage(error);
    draw();
  });

  async function renew(sync: SyncClient, known: string): Promise<void> {
    const { reachable, renewed } = await renewSession(known);
    watch.reachable(reachable);
    if (renewed) await sync.signIn({ user: known });
    if (reachable) await downloadFirst(sync);
  }

  async function downloadFirst(sync: SyncClient): Promise<void> {
    const state = await sync.state();
    if (state.ready || state.syncing) return;
    // A fault here is in the run's history, and the worker tries again by itself.
    await sync.synchronize({ mode: 'all', onBusy: 'join', onPartial: 'return' }).catch(() => null);
  }

  const app: App = {
    connected,
    watch,
    selection: new Set(),
    draw,
    navigate(path, options) {
      router.navigate(path, options);
    },
    replaceAddress(path) {
      router.rename(path);
      draw();
    },
    notify(kind, message) {
      notices.add(kind, message);
    },
    attempt(action) {
      action().catch((error: unknown) => {
        if (error instanceof SyncBusyError) notices.add('busy', error.message);
        else notices.add('problem', problemMessage(error));
      });
    },
    signIn: switchUser,
    synchronize(mode) {
      app.attempt(async () => {
        const sync = await connected;
        await synchronize(sync, mode);
      });
    },
  };

  async function synchronize(sync: SyncClient, mode: RunMode): Promise<void> {
    const selection = mode === 'selected' ? { selection: selectionOf(app.selection) } : {};
    try {
      notices.add('done', `Synchronized: ${runOutcomeText(await sync.synchronize({ mode, ...selection }))}.`);
    } catch (error) {
      if (!(error instanceof PartialSynchronizationError) || error.result === null) throw error;
      const text = runOutcomeText(error.result);
      notices.add('problem', `${text}. What the server did not take is kept here, with the reason.`);
    }
  }

  function switchUser(next: string): void {
    app.attempt(async () => {
      const answer = await signInAtServer(next);
      if (answer.type !== 'signed-in')
        throw new Error(`Signing in as ${next} needs the server, which cannot be reached now.`);
      const sync = await connected;
      await sync.signIn({ user: answer.user });
      rememberUser(answer.user);
      reload();
    });
  }

  function signOut(): void {
    if (signOutForm.busy) return;
    signOutForm = { ...signOutForm, busy: true, problem: null };
    draw();
    const leave = async (): Promise<void> => {
      const sync = await connected;
      await sync.signOut({ unsent: signOutForm.choice });
      forgetUser();
      await settleSignOut();
      reload();
    };
    leave().catch((error: unknown) => {
      signOutForm = { ...signOutForm, busy: false, problem: problemMessage(error) };
      draw();
    });
  }

  function reload(): void {
    location.reload();
  }

  function update(): void {
    app.attempt(async () => {
      const sync = await connected;
      await sync.update();
      reload();
    });
  }

  function cancel(): void {
    app.attempt(async () => {
      const sync = await connected;
      await sync.cancel();
    });
  }

  function show(route: Route): void {
    page?.close();
    page = startsSignedOut ? createSignedOutPage(app) : createPage(app, route);
    visited += 1;
    drawNow();
    window.scrollTo(0, 0);
    // The first page leaves the focus to the browser; a turned one begins at its title.
    if (visited > 1) document.querySelector<HTMLElement>('#title')?.focus({ preventScroll: true });
  }

  function drawNow(): void {
    if (page === null) return;
    document.title = `${page.title} · Rounds`;
    render(
      shell({
        path: location.pathname,
        title: page.title,
        user,
        watch,
        banners: banners({
          connectFailure,
          user,
          otherUser,
          watch,
          onReload: reload,
          onSignIn: switchUser,
          onUpdate: update,
        }),
        content: html`${keyed(visited, page.view())}`,
        notices: notices.view(),
        onCancel: cancel,
        onSwitchUser: switchUser,
        signOut: signOutForm,
        onChoose(choice) {
          signOutForm = { ...signOutForm, choice, problem: null };
          draw();
        },
        onSignOut: signOut,
      }),
      root,
    );
  }

  document.addEventListener('pointerdown', (event) => {
    const menu = document.querySelector<HTMLDetailsElement>('.user-menu[open]');
    if (menu !== null && event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  window.addEventListener('storage', (event) => {
    if (event.key !== rememberedKey || event.newValue === null) return;
    otherUser = event.newValue === (user ?? '') ? null : event.newValue;
    draw();
  });
  const router = createRouter(show);
  show(parseRoute(new URL(location.href)));
}
