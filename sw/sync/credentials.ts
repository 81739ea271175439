import { setPlatformTimer } from '../broadcast/timer.ts';

export type Headers = Readonly<Record<string, string>>;

/** How long a connected tab has to give what it signed in with. */
const answerMs = 2_000;
/** Tabs that had nothing are not asked again for so long. */
const silenceMs = 5_000;

export interface CredentialsOptions {
  readonly now: () => number;
  /** Asks the user's tabs to give what they signed in with. */
  readonly ask: (user: string) => void;
}

/** Something given at sign-in. It lives here only, and is gone with the worker; connected tabs may still have it. */
export interface Credentials<T> {
  /** What this worker has for the user. */
  known(user: string): T | null;
  /** The same, asked from the user's tabs if need be; null: nobody has it any more. */
  of(user: string): Promise<T | null>;
  give(user: string, value: T): void;
  /** It was the wrong one, and is not taken again while tabs are being asked. */
  refuse(value: T): void;
  forget(): void;
  /** Who waits for tabs waits no longer. */
  interrupt(): void;
  /** Settles when tabs are asked; at once, if they are being asked. */
  asked(): Promise<void>;
}

export function createCredentials<T>({ now, ask }: CredentialsOptions): Credentials<T> {
  let given: { readonly user: string; readonly value: T } | null = null;
  let asking: Promise<void> | null = null;
  let answered: () => void = () => undefined;
  let askedInVainAt: number | null = null;
  const refused = new Set<T>();
  const watchers = new Set<() => void>();

  const known = (user: string): T | null => (given?.user === user ? given.value : null);

  const askTabs = async (user: string): Promise<void> => {
    for (const tell of watchers) tell();
    watchers.clear();
    await new Promise<void>((resolve) => {
      const stopTimer = setPlatformTimer(resolve, answerMs);
      answered = () => {
        stopTimer();
        resolve();
      };
      ask(user);
    });
    askedInVainAt = given?.user === user ? null : now();
    if (askedInVainAt !== null) refused.clear();
    asking = null;
  };

  return {
    known,
    of: async (user) => {
      const own = known(user);
      if (own !== null) return own;
      if (askedInVainAt !== null && Math.abs(now() - askedInVainAt) < silenceMs) return null;
      await (asking ??= askTabs(user));
      // Given meanwhile, or not.
      return known(user);
    },
    give: (user, value) => {
      if (refused.has(value)) return;
      given = { user, value };
      askedInVainAt = null;
      answered();
    },
    refuse: (value) => {
      refused.add(value);
      if (given?.value === value) given = null;
    },
    forget: () => {
      given = null;
      askedInVainAt = null;
      refused.clear();
    },
    interrupt: () => {
      answered();
    },
    asked: () => {
      if (asking !== null) return Promise.resolve();
      return new Promise((resolve) => {
        watchers.add(resolve);
      });
    },
  };
}
