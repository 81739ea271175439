import { AuthRequiredError } from '../protocol/errors.ts';
import type { Session } from './session.ts';

/** Whether nobody is signed in, with a backend that takes nothing from nobody. */
export function isSignedOut({ user, backend }: Pick<Session, 'user' | 'backend'>): boolean {
  return user === '' && backend.needsUser;
}

/** Refuses a write of nobody's: it would be stored where no later sign-in sees it, and never sent (G-9). */
export function checkSignedIn(session: Session): void {
  if (isSignedOut(session))
    throw new AuthRequiredError('Nobody is signed in. Call signIn({ user }) first. Nothing was stored.');
}

/** The current session, for what stores something in it. */
export async function sessionToWrite<S extends Session>(sessions: { current(): Promise<S> }): Promise<S> {
  const session = await sessions.current();
  checkSignedIn(session);
  return session;
}
