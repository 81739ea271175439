/** What the measuring process asks of the server's; each is answered by one `Answer`, in order. */
export type Ask =
  | { readonly type: 'start'; readonly databaseUrl: string | null; readonly dataDir: string }
  /** Adds users `user-1` …, with tokens `token-1` …. */
  | { readonly type: 'users'; readonly count: number }
  /** Fills the table of places up to so many rows. */
  | { readonly type: 'rows'; readonly count: number }
  /** Changes so many places, spread over the table. */
  | { readonly type: 'touch'; readonly count: number; readonly rows: number }
  | { readonly type: 'memory' }
  | { readonly type: 'stop' };

export interface Answer {
  readonly url?: string;
  /** The most that the process held since it was last asked, in bytes. */
  readonly peakBytes?: number;
  readonly error?: string;
}
