/** Runs something later; the returned function calls it off. Injected, so that a clock of one's own can drive it. */
export type SetTimer = (run: () => void, delayMs: number) => () => void;

export const setPlatformTimer: SetTimer = (run, delayMs) => {
  const timer = setTimeout(run, delayMs);
  return () => {
    clearTimeout(timer);
  };
};
