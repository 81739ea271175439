import type { SyncClient } from 'holdfast/client';
import type { TemplateResult } from 'lit-html';
import type { SyncWatch } from '../model/sync-watch.ts';

export type NoticeKind = 'done' | 'problem' | 'busy';

/** What a page can use of the app around it. */
export interface App {
  /** Settles once the worker is in control and signed in; pages show skeletons until then. */
  readonly connected: Promise<SyncClient>;
  readonly watch: SyncWatch;
  /** Keys of the visits that are ticked; they outlive the page. */
  readonly selection: Set<string>;
  /** Asks for one drawing of the whole app, soon. */
  readonly draw: () => void;
  navigate(path: string, options?: { readonly replace?: boolean }): void;
  /** Puts another address in the place of the page's own; the page stays as it is. */
  replaceAddress(path: string): void;
  notify(kind: NoticeKind, message: string): void;
  /** Runs what a control was asked for; what it throws becomes a notice. */
  attempt(action: () => Promise<void>): void;
  /** Signs somebody in at the server and here, and loads the page anew. */
  signIn(user: string): void;
  synchronize(mode: 'all' | 'unsynchronized' | 'selected'): void;
}

export interface Page {
  readonly title: string;
  /** `refresh` is called when records of these tables changed. */
  readonly tables: readonly string[];
  view(): TemplateResult;
  refresh(): void;
  close(): void;
}
