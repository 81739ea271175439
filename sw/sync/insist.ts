const firstPauseMs = 100;
const attempts = 8;

/**
 * Does the work again after growing pauses, some 13 s in all, until it succeeds or the signal aborts: for what a browser refuses
 * while it clears a site's data. Never rejects; given up, or stopped with the worker, it is found out by whoever next uses the database.
 */
export async function insist(work: () => Promise<unknown>, signal?: AbortSignal): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (signal?.aborted === true) return;
    try {
      await work();
      return;
    } catch {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, firstPauseMs * 2 ** attempt);
      });
    }
  }
}
