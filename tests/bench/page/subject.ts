/** What a subject can do; each gives seconds, or counts. A workload calls those that it needs. */
export type SubjectFunctions = Readonly<Record<string, (...values: never[]) => Promise<number | readonly number[]>>>;

/** Makes a page's functions callable for the harness. */
export function expose(subject: SubjectFunctions): void {
  Object.assign(globalThis, { subject });
}

export const settings: URLSearchParams = new URLSearchParams(location.search);
