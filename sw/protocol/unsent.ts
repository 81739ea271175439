/** How much of a user's work is on this device only. */
export interface UnsentCounts {
  /** Changes that wait, were rejected, conflict, or wait for others; without those held. */
  readonly changes: number;
  readonly commands: number;
  readonly held: number;
  readonly drafts: number;
  /** Failures that hold the only copy of what the server did not take, deletions too. */
  readonly failures: number;
  readonly total: number;
}

export interface SignOutOptions {
  /**
   * What becomes of the work that the server does not have: it is sent first, and nobody is signed out if that fails; or it stays
   * on this device for the user's next sign-in; or it is given up. @default 'keep'
   */
  readonly unsent?: 'upload' | 'keep' | 'discard';
  /** Whether the downloaded copy stays for the next sign-in. Removing it rejects with `unsent` where work would be lost. @default 'keep' */
  readonly data?: 'keep' | 'remove';
}

/** What an import did. What was here already, or imported before, is skipped. */
export interface ImportResult {
  readonly changes: number;
  readonly commands: number;
  readonly drafts: number;
  readonly failures: number;
  readonly skipped: number;
}
