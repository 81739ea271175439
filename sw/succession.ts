/** Which worker is at work where there are two of them, as during an update. */
export interface Succession {
  /** Null: the browser does not tell. */
  readonly ownState: () => ServiceWorkerState | null;
  /** A page has told the waiting worker to take over. */
  readonly giveWay: () => void;
  /** Whether another worker is to be at work, and this one no more. */
  readonly isReplaced: () => boolean;
}

interface WithState {
  readonly state: ServiceWorkerState;
}

/** What is read of a worker's own scope. */
export interface SuccessionScope {
  readonly registration: { readonly waiting: WithState | null };
  /** Firefox does not have it: https://developer.mozilla.org/docs/Web/API/ServiceWorkerGlobalScope/serviceWorker */
  readonly serviceWorker?: WithState;
}

/**
 * The browser lets a waiting worker become the active one when nothing goes on in the one before it, and does not tell that one: a run
 * would be finished by the older code. So a page tells it, and it ends what is going at the next step.
 */
export function createSuccession(scope: SuccessionScope): Succession {
  let successor: WithState | null = null;
  const ownState = (): ServiceWorkerState | null => scope.serviceWorker?.state ?? null;
  return {
    ownState,
    giveWay: () => {
      // Told again while that one is about to become active, it does not wait any more.
      successor = scope.registration.waiting ?? successor;
    },
    // One that was discarded before it became active leaves the work here.
    isReplaced: () => ownState() === 'redundant' || (successor !== null && successor.state !== 'redundant'),
  };
}
