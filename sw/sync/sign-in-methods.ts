import type { SignInOptions, WorkerMethods } from '../protocol/api.ts';
import { EncryptionKeyError, SyncError } from '../protocol/errors.ts';
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

function checkKey(name: string, key: unknown): void {
  if (typeof key === 'string' && key !== '') return;
  throw new SyncError('invalid-request', `${name} must be a text that is not empty. Nobody was signed in.`);
}

/** Nothing can be looked at: what stays as it is may be left, and what goes as a whole. */
async function leaveLocked(
  sessions: Sessions,
  { unsent, data, since }: SignOutChoice & { readonly since: number },
  error: unknown,
): Promise<void> {
  const isPossible = data === 'keep' ? unsent === 'keep' : unsent === 'discard';
  if (!(error instanceof EncryptionKeyError) || !isPossible) throw error;
  await sessions.leaveLocked(await sessions.user(), { since, wipe: data === 'remove' });
}

/** What a page's calls about the sign-in do. */
export function createSignInMethods(
  sessions: Sessions,
  newId: () => string,
): Pick<WorkerMethods, 'signIn' | 'signOut' | 'provideHeaders'> {
  return {
    signIn: ({ user, headers, encryptionKey, previousEncryptionKey }: SignInOptions) =>
      reply(async () => {
        if (typeof user !== 'string' || user === '')
          throw new SyncError('invalid-request', 'signIn needs a user: a text that names them.');
        if (headers !== undefined) checkHeaders(headers);
        if (encryptionKey !== undefined) checkKey('encryptionKey', encryptionKey);
        if (previousEncryptionKey !== undefined) {
          checkKey('previousEncryptionKey', previousEncryptionKey);
          checkKey('encryptionKey', encryptionKey);
        }
        const secrets = { key: encryptionKey ?? null, previousKey: previousEncryptionKey ?? null };
        const session = await sessions.signIn(user, headers ?? null, secrets);
        await tellPending(session);
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
        const since = sessions.signInsAsked();
        try {
          const session = await sessions.observed();
          if (session.user === '') return false;
          await signOut(sessions, session, { choice, since, call: newId() });
        } catch (error) {
          await leaveLocked(sessions, { ...choice, since }, error);
        }
        await sessions.observed().then(tellPending, () => undefined);
        return true;
      }),
    provideHeaders: (headers: Headers | null, encryptionKey?: string) =>
      reply(async () => {
        if (headers !== null) checkHeaders(headers);
        if (encryptionKey !== undefined) checkKey('encryptionKey', encryptionKey);
        // Not that of a session: one that is being opened may wait for this.
        const user = await sessions.user();
        if (headers !== null) sessions.provideHeaders(user, headers);
        if (encryptionKey === undefined) return true;
        sessions.provideKey(user, encryptionKey);
        await tellPending(await sessions.current());
        return true;
      }),
  };
}
