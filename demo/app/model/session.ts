import { isFields } from './records.ts';

/** What the server says of our credentials. `unreachable`: nothing was answered, or not by our server. */
export type Session =
  | { readonly type: 'signed-in'; readonly user: string }
  | { readonly type: 'signed-out' }
  | { readonly type: 'unreachable' };

export const users: readonly string[] = ['ana', 'ben'];

/** What other tabs hear of too. */
export const rememberedKey = 'rounds-user';
/** The server did not hear of a sign-out yet. */
const owedKey = 'rounds-sign-out-owed';
const timeoutMs = 5000;

let settling: Promise<void> | null = null;

/** Who is signed in on this device; empty: somebody signed out; null: nobody ever signed in. */
export function rememberedUser(): string | null {
  return localStorage.getItem(rememberedKey);
}

export function rememberUser(user: string): void {
  localStorage.setItem(rememberedKey, user);
}

/** From now on no start signs anybody in by itself. */
export function forgetUser(): void {
  localStorage.setItem(owedKey, 'yes');
  localStorage.setItem(rememberedKey, '');
}

async function readUser(response: Response): Promise<string | null> {
  const body: unknown = await response.json().catch(() => null);
  return isFields(body) && typeof body['user'] === 'string' ? body['user'] : null;
}

/** Asks the server itself. A login page of a hotel's network is not an answer of ours, so its type is looked at. */
export async function readSession(): Promise<Session> {
  try {
    const response = await fetch('/auth/session', { cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
    const json = /^application\/(?:problem\+)?json\b/.test(response.headers.get('Content-Type') ?? '');
    if (!json || response.status >= 500) return { type: 'unreachable' };
    if (!response.ok) return { type: 'signed-out' };
    const user = await readUser(response);
    return user === null ? { type: 'signed-out' } : { type: 'signed-in', user };
  } catch {
    return { type: 'unreachable' };
  }
}

/** Tells the server of a sign-out that it has not heard of, so that its cookie goes; without a network it stays owed. */
export function settleSignOut(): Promise<void> {
  settling ??= tellSignOut().finally(() => {
    settling = null;
  });
  return settling;
}

async function tellSignOut(): Promise<void> {
  if (localStorage.getItem(owedKey) === null) return;
  try {
    const response = await fetch('/auth/sign-out', { method: 'POST', signal: AbortSignal.timeout(timeoutMs) });
    if (response.ok) localStorage.removeItem(owedKey);
  } catch {
    // It is tried again when the server answers.
  }
}

/** Signs in at the server, which answers with a cookie that no script can read. */
export async function signInAtServer(user: string): Promise<Session> {
  // The answer to a sign-out takes the cookie away, so it must not come after this one's.
  await settling;
  localStorage.removeItem(owedKey);
  try {
    const response = await fetch('/auth/sign-in', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) return { type: response.status >= 500 ? 'unreachable' : 'signed-out' };
    const signedIn = await readUser(response);
    return signedIn === null ? { type: 'unreachable' } : { type: 'signed-in', user: signedIn };
  } catch {
    return { type: 'unreachable' };
  }
}

/** The user of a first start: the one whom the server knows by a cookie, else its first one. Null: no server. */
export async function firstUser(): Promise<string | null> {
  const session = await readSession();
  if (session.type === 'signed-in') return session.user;
  if (session.type === 'unreachable') return null;
  const answer = await signInAtServer(users[0] ?? 'ana');
  return answer.type === 'signed-in' ? answer.user : null;
}

/**
 * Makes the server's session the user's again, if it ended or is somebody else's. A start does not wait for this: what is
 * on the device is the user's already.
 */
export async function renewSession(user: string): Promise<{ readonly reachable: boolean; readonly renewed: boolean }> {
  const session = await readSession();
  if (session.type === 'unreachable') return { reachable: false, renewed: false };
  if (session.type === 'signed-in' && session.user === user) return { reachable: true, renewed: false };
  const answer = await signInAtServer(user);
  return { reachable: answer.type !== 'unreachable', renewed: answer.type === 'signed-in' };
}
