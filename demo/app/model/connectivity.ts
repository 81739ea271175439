import { readSession } from './session.ts';

/** How often a shown page asks the server whether it is there. */
const intervalMs = 15_000;

/**
 * Tests whether the server answers: now and then while the page is shown, and whenever the browser believes that something
 * changed. What the browser believes is a reason to test, never the answer.
 */
export function testConnectivity(onResult: (reachable: boolean) => void): { test(): void } {
  let testing = false;
  let asked = 0;

  const run = async (): Promise<void> => {
    testing = true;
    let answering: number;
    do {
      answering = asked;
      const session = await readSession();
      onResult(session.type !== 'unreachable');
    } while (answering !== asked);
    testing = false;
  };
  const test = (): void => {
    asked += 1;
    if (!testing) void run();
  };

  window.addEventListener('online', test);
  window.addEventListener('offline', test);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') test();
  });
  setInterval(() => {
    if (document.visibilityState === 'visible') test();
  }, intervalMs);
  return { test };
}
