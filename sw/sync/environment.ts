import type { Witness } from '../store/witness.ts';

/** What the engine takes from outside; each can be replaced. */
export interface Environment {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Which start of the worker this is. */
  readonly incarnation: string;
  /** A new, unique, time-ordered id. */
  readonly newId: () => string;
  readonly fetch: (input: string | Request, init?: RequestInit) => Promise<Response>;
  readonly locks: LockManager;
  /** Keeps notes outside IndexedDB. */
  readonly witness: Witness;
  /** The client ids of the app's open pages, and of what else may send requests. */
  readonly openClients: () => Promise<readonly string[]>;
  /** The browser's word on connectivity: a hint. */
  readonly isOnline: () => boolean;
  /** Asks for a Background Sync event; resolves to whether there will be one. */
  readonly registerSync: (tag: string) => Promise<boolean>;
  /** Whether a newer worker is waiting for this one to end. */
  readonly isReplaced: () => boolean;
}
