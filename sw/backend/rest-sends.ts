/**
 * How often creates and commands were sent by this worker: 0, in a batch and not sent yet. One that is not here may have been
 * sent by a worker before. An id goes when its outcome is known.
 */
export type Sends = Map<string, number>;

export function noteEncoded(sends: Sends, changes: readonly string[]): void {
  for (const change of changes) {
    const id = /^\{"type":"c\w+","mutationId":"([^"]+)"/.exec(change)?.[1];
    if (id !== undefined && !sends.has(id)) sends.set(id, 0);
  }
}
