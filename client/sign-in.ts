import type { SignInOptions } from '../sw/protocol/api.ts';
import { SyncError } from '../sw/protocol/errors.ts';
import type { SignOutOptions } from '../sw/protocol/unsent.ts';
import type { Link } from './link.ts';

export interface SignInCallsOptions {
  readonly link: Link;
  /** Reads the state again and tells it. */
  readonly refresh: () => Promise<void>;
  /** What waited for credentials can go on. */
  readonly onSignedIn: () => void;
  /** The page is bound to another user than the one who is signed in now. */
  readonly onStranger: () => void;
}

/** The page's sign-in, and the headers and key that were given with it: the worker forgets them whenever it is stopped. */
export class SignIn {
  readonly #options: SignInCallsOptions;
  #given: Pick<SignInOptions, 'user' | 'headers' | 'encryptionKey'> | null = null;

  constructor(options: SignInCallsOptions) {
    this.#options = options;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#given?.headers ?? {};
  }

  async signIn(options: SignInOptions): Promise<boolean> {
    const signedIn = await this.#options.link.call((worker) => worker.signIn(options));
    const { user, headers, encryptionKey } = options;
    this.#given = {
      ...(this.#given?.user === user ? this.#given : { user }),
      ...(headers === undefined ? {} : { headers }),
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    };
    if (await this.#settle()) this.#options.onSignedIn();
    return signedIn;
  }

  async signOut(options: SignOutOptions): Promise<boolean> {
    const signedOut = await this.#options.link.call((worker) => worker.signOut(options));
    this.#given = null;
    await this.#settle();
    return signedOut;
  }

  /** The worker asks all pages for their headers and keys; one that has none keeps silent. */
  provide(): void {
    const { headers = null, encryptionKey } = this.#given ?? {};
    if (headers === null && encryptionKey === undefined) return;
    // Refused if somebody else is signed in; a worker that died asks again.
    this.#options.link.call((worker) => worker.provideHeaders(headers, encryptionKey)).catch(() => undefined);
  }

  /** The switch is done, whatever this page may see of it: false if it may see nothing. */
  async #settle(): Promise<boolean> {
    try {
      await this.#options.refresh();
      return true;
    } catch (error) {
      if (error instanceof SyncError && error.code === 'user-changed') this.#options.onStranger();
      return false;
    }
  }
}
