import type { Database, RowCodec } from './database.ts';

/** What was given at sign-in to open the user's database. Null: nothing. */
export interface Secrets {
  readonly key: string | null;
  /** The key before, where it is to be another one from now on. */
  readonly previousKey: string | null;
}

export interface UnlockRequest {
  readonly database: Database;
  readonly user: string;
  readonly secrets: Secrets;
  /** Those that pages still have, for a worker that was started since the sign-in. */
  readonly keys: {
    of(user: string): Promise<string | null>;
    /** It was the wrong one: another is wanted. */
    refuse(key: string): void;
  };
  /** From then on the database's transactions encrypt. */
  readonly use: (codec: RowCodec) => void;
}

/** Encryption at rest, for `startSync({ encryption })`: an object of a module of its own, so that apps without it do not load it. */
export interface Encryption {
  /**
   * Makes a user's database readable, before anything else uses it. A database without a key gets one, and what it holds is
   * encrypted; killed over that, it goes on when it is next opened.
   *
   * @throws EncryptionKeyError without the right key. Nothing is changed then.
   */
  unlock(request: UnlockRequest): Promise<void>;
}
