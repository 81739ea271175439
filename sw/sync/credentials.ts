import { setPlatformTimer } from '../broadcast/timer.ts';

export type Headers = Readonly<Record<string, string>>;

/** How long a connected tab has to give the headers that it signed in with. */
const answerMs = 2_000;
/** Tabs that had none are not asked again for so long. */
const silenceMs = 5_000;

export interface CredentialsOptions {
  readonly now: () => number;
  /** Asks the user's tabs to give their headers. */
  readonly ask: (user: string) => void;
}

/** The headers given at sign-in. They live here only, and are gone with the worker; connected tabs may still have them. */
export interface Credentials {
  /** Those given for the user; null: some were given once, and nobody has them any more. */
  of(user: string, withHeaders: boolean): Promise<Headers | null>;
  give(user: string, headers: Headers): void;
  forget(): void;
}

export function createCredentials({ now, ask }: CredentialsOptions): Credentials {
  let given: { readonly user: string; readonly headers: Headers } | null = null;
  let asking: Promise<void> | null = null;
  let answered: () => void = () => undefined;
  let askedInVainAt: number | null = null;

  const askTabs = async (user: string): Promise<void> => {
    await new Promise<void>((resolve) => {
      const stopTimer = setPlatformTimer(resolve, answerMs);
      answered = () => {
        stopTimer();
        resolve();
      };
      ask(user);
    });
    askedInVainAt = given?.user === user ? null : now();
    asking = null;
  };

  return {
    of: async (user, withHeaders) => {
      if (given?.user === user) return given.headers;
      if (!withHeaders) return {};
      if (askedInVainAt !== null && Math.abs(now() - askedInVainAt) < silenceMs) return null;
      await (asking ??= askTabs(user));
      // Given meanwhile, or not.
      const found: { readonly user: string; readonly headers: Headers } | null = given;
      return found?.user === user ? found.headers : null;
    },
    give: (user, headers) => {
      given = { user, headers };
      askedInVainAt = null;
      answered();
    },
    forget: () => {
      given = null;
      askedInVainAt = null;
    },
  };
}
