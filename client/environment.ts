/** What of the page the client uses; injected, so that a clock, locks and workers of one's own can drive it. */
export interface PageEnvironment {
  readonly locks: LockManager;
  /** Gets `online`, `offline`, `pagehide` and `pageshow`. */
  readonly window: EventTarget;
  /** Gets `visibilitychange`. */
  readonly document: EventTarget;
  readonly isVisible: () => boolean;
  readonly isOnline: () => boolean;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Runs something later; the returned function calls it off. */
  readonly setTimer: (run: () => void, delayMs: number) => () => void;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Asks that the origin's data be kept under storage pressure. */
  readonly persist: () => Promise<boolean>;
}

export function pageEnvironment(): PageEnvironment {
  return {
    locks: navigator.locks,
    window,
    document,
    isVisible: () => document.visibilityState === 'visible',
    isOnline: () => navigator.onLine,
    fetch: (url, init) => fetch(url, init),
    setTimer: (run, delayMs) => {
      const timer = setTimeout(run, delayMs);
      return () => {
        clearTimeout(timer);
      };
    },
    random: () => Math.random(),
    newId: () => crypto.randomUUID(),
    // WebKitGTK has no navigator.storage.
    persist: async () => 'storage' in navigator && (await navigator.storage.persist()),
  };
}
