import { SyncError } from '../protocol/errors.ts';
import type { OpenSession, Sessions } from './sessions.ts';

/** The session of whoever is signed in, which may not be open yet. */
export interface Opening {
  readonly user: string;
  readonly session: Promise<OpenSession>;
}

/** The sign-ins as they are for nobody in particular. */
interface UnboundSessions extends Omit<Sessions, 'forClient' | 'boundTo'> {
  opening(): Promise<Opening>;
}

/** The user that a page is bound to, by its client id; binds it to the given one if it is to none. */
export type Bind = (client: string, user: string) => Promise<string>;

/** Lets each page have the sign-ins as long as that one lasts under which it first asked for anything (SPEC G-2). */
export function bindToPages(unbound: UnboundSessions, bind: Bind): Sessions {
  const check = async (client: string, user: string): Promise<void> => {
    if (client === '' || (await bind(client, user)) === user) return;
    throw new SyncError('user-changed', 'Somebody else signed in since this page was loaded. Reload the page.');
  };
  const forClient = async (client: string): Promise<OpenSession> => {
    const { user, session } = await unbound.opening();
    // Beside the opening, which takes as long.
    const checking = check(client, user);
    const [opened, checked] = await Promise.allSettled([session, checking]);
    if (opened.status === 'rejected') throw opened.reason;
    if (checked.status === 'rejected') throw checked.reason;
    return opened.value;
  };
  const sessions: Sessions = {
    ...unbound,
    forClient,
    boundTo: (client) => ({
      ...sessions,
      current: () => forClient(client),
      observed: async () => {
        const session = await unbound.current();
        return session.user === '' ? session : forClient(client);
      },
      user: async () => {
        const user = await unbound.user();
        await check(client, user);
        return user;
      },
    }),
  };
  return sessions;
}
