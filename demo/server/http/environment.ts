import type { Context } from 'hono';
import type { Database } from '../database/database.ts';
import type { Catalog } from '../schema/table-definition.ts';
import { ProblemError } from './problem.ts';
import type { Account, Session } from './session.ts';

/** What all routes share. */
export interface ServerContext {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly serverEpoch: string;
  readonly bodyLimitBytes: number;
  readonly maxFileBytes: number;
  /** Settles when a table's first records are all there. */
  readonly loaded: (table: string) => Promise<void>;
  readonly log: (message: string) => void;
}

export interface Environment {
  Variables: { session: Session | null; accounts: readonly Account[] };
}

export function sessionOf(context: Context<Environment>): Session {
  const session = context.get('session');
  if (session === null) throw new ProblemError(401, 'auth-required', 'The request carries no valid credentials.');
  return session;
}

export function usersOf(context: Context<Environment>): ReadonlySet<string> {
  return new Set(context.get('accounts').map(({ user }) => user));
}
