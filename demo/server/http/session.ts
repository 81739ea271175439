import { getCookie } from 'hono/cookie';
import type { Context } from 'hono';
import { type Queryable, textOf, integerOf } from '../database/database.ts';
import { ProblemError } from './problem.ts';

export interface Session {
  readonly user: string;
  readonly accessEpoch: number;
}

export interface Account extends Session {
  readonly token: string;
}

/** For the cookie, which the browser sends along where no page could set a header, as in a Background Sync. */
export const sessionCookie = 'session';

export async function readAccounts(database: Queryable): Promise<Account[]> {
  const rows = await database.query('select name, token, access_epoch from sync_users');
  return rows.map((row) => ({
    user: textOf(row, 'name'),
    token: textOf(row, 'token'),
    accessEpoch: integerOf(row, 'access_epoch'),
  }));
}

/** Whose credentials the request carries: the bearer token, else the cookie. Null for none or unknown ones. */
export function findSession(context: Context, accounts: readonly Account[]): Session | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(context.req.header('Authorization') ?? '')?.[1];
  const token = bearer ?? getCookie(context, sessionCookie);
  return accounts.find((account) => account.token === token) ?? null;
}

/**
 * Compares the user whom the client means with the one whom the credentials name, before anything is read or applied.
 */
export function checkExpectedUser(context: Context, session: Session | null): void {
  const header = context.req.header('Sync-Expect-User');
  if (header === undefined || session === null) return;
  let expected: string | null = null;
  try {
    expected = decodeURIComponent(header);
  } catch {
    // No user has a name that cannot be decoded.
  }
  if (expected === session.user) return;
  throw new ProblemError(409, 'user-mismatch', 'The credentials are those of another user than the client expects.');
}
