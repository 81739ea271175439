import type { SignInOptions, WorkerMethods } from '../protocol/api.ts';
import { SyncError } from '../protocol/errors.ts';
import type { Headers } from './credentials.ts';
import { reply } from './reply.ts';
import type { Sessions } from './sessions.ts';
import { signOut, type SignOutChoice } from './sign-out.ts';
import { tellPending } from './state.ts';

const unsentChoices: readonly unknown[] = ['upload', 'keep', 'discard'];
const dataChoices: readonly unknown[] = ['keep', 'remove'];

function checkHeaders(headers: unknown): void {
  const isFine =
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value: unknown) => typeof value === 'string');
  if (!isFine) throw new SyncError('invalid-request', 'headers must be an object of texts. Nobody was signed in.');
}

/** What a page's calls about the sign-in do. */
export function createSignInMethods(
  sessions: Sessions,
  newId: () => string,
): Pick<WorkerMethods, 'signIn' | 'signOut' | 'provideHeaders'> {
  return {
    signIn: ({ user, headers }: SignInOptions) =>
      reply(async () => {
        if (typeof user !== 'string' || user === '')
          throw new SyncError('invalid-request', 'signIn needs a user: a text that names them.');
        if (headers !== undefined) checkHeaders(headers);
        const session = await sessions.signIn(user, headers ?? null);
        // The user is switched; that it could not be told is no reason to say otherwise.
        await tellPending(session).catch(() => undefined);
        return true;
      }),
    signOut: (options) =>
      reply(async () => {
        const { unsent = 'keep', data = 'keep' } = options;
        if (!unsentChoices.includes(unsent))
          throw new SyncError('invalid-request', 'signOut: unsent is upload, keep or discard. Nobody was signed out.');
        if (!dataChoices.includes(data))
          throw new SyncError('invalid-request', 'signOut: data is keep or remove. Nobody was signed out.');
        const choice: SignOutChoice = { unsent, data };
        const session = await sessions.observed();
        if (session.user === '') return false;
        await signOut(sessions, session, { choice, call: newId() });
        await tellPending(await sessions.observed()).catch(() => undefined);
        return true;
      }),
    provideHeaders: (headers: Headers) =>
      reply(async () => {
        checkHeaders(headers);
        const { user } = await sessions.current();
        sessions.provideHeaders(user, headers);
        return true;
      }),
  };
}
