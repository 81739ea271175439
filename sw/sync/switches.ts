import { SyncError } from '../protocol/errors.ts';

/** Sign-ins and sign-outs, one after the other (SPEC G-3). */
export interface Switches {
  /** Settles when those that were asked for are done; never rejects. */
  done(): Promise<unknown>;
  /** How many sign-ins were asked for. */
  signInsAsked(): number;
  signIn<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Rejects with `user-changed`, without having begun, if a sign-in has happened that was asked for after the first `since`: a page that
   * was told since that its user is signed in is not to find nobody.
   */
  signOut<T>(since: number, work: () => Promise<T>): Promise<T>;
}

export function signInChanged(): SyncError {
  return new SyncError(
    'user-changed',
    'Somebody signed in or out meanwhile. This call removed nothing; call it again if that is still meant.',
  );
}

export function createSwitches(): Switches {
  let under: Promise<unknown> = Promise.resolve();
  let asked = 0;
  /** The last sign-in that happened. */
  let happened = 0;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = under.then(work);
    under = mine.catch(() => undefined);
    return mine;
  };
  return {
    done: () => under,
    signInsAsked: () => asked,
    signIn: (work) => {
      asked += 1;
      const mine = asked;
      return inTurn(async () => {
        const value = await work();
        happened = mine;
        return value;
      });
    },
    signOut: (since, work) =>
      inTurn(async () => {
        if (happened > since) throw signInChanged();
        return work();
      }),
  };
}
