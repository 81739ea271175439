import type { SyncError } from '../protocol/errors.ts';
import type { Secrets } from '../store/encryption.ts';
import type { Headers } from './credentials.ts';
import type { Engine } from './engine.ts';
import type { Session } from './session.ts';

export interface OpenSession extends Session {
  readonly engine: Engine;
  /** It is that of whoever is signed in now: its user's scopes are in force. */
  begin(): void;
  /** @default the sign-in ended */
  end(reason?: SyncError): void;
}

export interface Leaving {
  /** `signInsAsked()` when it was asked for: a later sign-in counts for more. */
  readonly since: number;
  /** Whether the database is deleted. */
  readonly wipe: boolean;
  /** The last look at what is left, with nothing else at work on the database. If it throws, nobody is signed out. */
  readonly before: (session: OpenSession) => Promise<void>;
}

/** The sign-ins of one app: one session at a time, each with its own database. */
export interface Sessions {
  /** The session of whoever is signed in; user `''` is nobody in particular. */
  current(): Promise<OpenSession>;
  /** The same, but also for a page that is bound to somebody who signed out, since there is nobody's data in it. */
  observed(): Promise<OpenSession>;
  /**
   * Makes `user` the current one. The other's run ends, its database is closed, and what its work still writes is dropped;
   * its unsent work stays. Headers `null`: those given before, if the user is the same; so for the key. Rejects only if nothing
   * was switched.
   */
  signIn(user: string, headers: Headers | null, secrets?: Secrets): Promise<OpenSession>;
  /** How many sign-ins this worker was asked for. */
  signInsAsked(): number;
  /** Ends the sign-in of a session. Rejects with `user-changed`, with everything as it was, if somebody has signed in meanwhile. */
  leave(session: OpenSession, leaving: Leaving): Promise<void>;
  /** Ends the sign-in of a user whose database cannot be opened without its key. What is in it is not looked at. */
  leaveLocked(user: string, leaving: Omit<Leaving, 'before'>): Promise<void>;
  /** Who is signed in; rejects as `current` does for a tab of another, but opens no database. */
  user(): Promise<string>;
  /** Settles when the key of the current user's database is asked for: until a tab gives it, the database stays closed. */
  locked(): Promise<void>;
  /** Takes headers that a tab gave at its own sign-in, if it is still the current one. */
  provideHeaders(user: string, headers: Headers): void;
  /** Takes the key that a tab gave at its own sign-in, likewise. */
  provideKey(user: string, key: string): void;
  /** The current session, for a tab; rejects with `user-changed` if the tab loaded under another sign-in (invariant 12). */
  forClient(client: string): Promise<OpenSession>;
  /** The same sign-ins as a tab may use them. */
  boundTo(client: string): Sessions;
  /** Where a tab hears that there is something to download. */
  readonly liveUrl: string | null;
}
