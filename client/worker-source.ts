/** Where plain messages for a worker go. Two of one worker are the same object. */
export interface WorkerTarget {
  postMessage(message: object, transfer: Transferable[]): void;
}

/** Finds the worker that the page talks to. */
export interface WorkerSource {
  /** The active worker. `again`: it did not answer, so ask the browser anew. Rejects with a `SyncError`. */
  find(again: boolean): Promise<WorkerTarget>;
  /** The connection was lost, as the worker ended. */
  lost(): void;
  /** While a waiting worker is probably taking over, a promise for a moment: until then the one before is to be left alone. */
  succession(): Promise<void> | null;
  /** Whether a worker controls the page, so that its requests reach it. */
  isControlled(): boolean;
  /** Settles when a worker controls the page, or when it is clear that this takes longer. */
  waitForControl(): Promise<void>;
  /** Another worker than the one given before has become the active one. Returns what ends it. */
  onChange(listener: () => void): () => void;
  /** An update has been installed and waits. Returns what ends it. */
  onWaiting(listener: () => void): () => void;
  /** Lets a waiting worker take over once the one before is not at work any more; false if none waits. */
  takeWaiting(isAtWork: () => Promise<boolean>): Promise<boolean>;
}
