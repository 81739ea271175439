/** Where plain messages for a worker go. Two of one worker are the same object. */
export interface WorkerTarget {
  postMessage(message: object, transfer: Transferable[]): void;
}

/** Finds the worker that the page talks to. */
export interface WorkerSource {
  /** The active worker. `again`: it did not answer, so ask the browser anew. Rejects with a `SyncError`. */
  find(again: boolean): Promise<WorkerTarget>;
  /** Whether a worker controls the page, so that its requests reach it. */
  isControlled(): boolean;
  /** Settles when a worker controls the page, or when it is clear that this takes longer. */
  waitForControl(): Promise<void>;
  /** Another worker than the one given before has become the active one. Returns what ends it. */
  onChange(listener: () => void): () => void;
  /** An update has been installed and waits. Returns what ends it. */
  onWaiting(listener: () => void): () => void;
  /** Lets a waiting worker take over; false if none waits. */
  takeWaiting(): Promise<boolean>;
}
