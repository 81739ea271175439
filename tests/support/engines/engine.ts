export const engineNames = ['chromium', 'firefox', 'webkit'] as const;
export type EngineName = (typeof engineNames)[number];

export interface LaunchOptions {
  /** The folder of the browser's profile. The same one again is the same device. @default a temporary one */
  readonly profile?: string;
  /** What the browser may store for an origin. Chromium and Firefox only. @default the browser's own */
  readonly quotaBytes?: number;
  /**
   * The browser ends a worker so long after its last event, and as long again after that where the event is not over yet.
   * Firefox only. @default the browser's own
   */
  readonly workerIdleMs?: number;
}

/** A tab. */
export interface EnginePage {
  /** Settles when the page is loaded. */
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Evaluates an expression in the page, waits for it if it is a promise, and gives its value, which must be JSON. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

/** A running browser, driven from outside. Its methods may be called at the same time. */
export interface EngineBrowser {
  readonly engine: EngineName;
  readonly version: string;
  newPage(): Promise<EnginePage>;
  /**
   * Ends the process of the first tab as a crash does, and with it the worker, which WebKit runs in there. The other tabs live on, but the
   * driver knows nothing of this browser any more. WebKit only.
   */
  killFirstTab?(): void;
  /** Ends it as a crash does, at once and with nothing written on the way. The profile stays. */
  kill(): Promise<void>;
  /** Ends it; a second call does nothing. */
  close(): Promise<void>;
}

/** What is evaluated, so that every engine gives the same: JSON text, of a promise's value too. */
export function asJsonText(expression: string): string {
  return `Promise.resolve((${expression})).then((value) => JSON.stringify(value ?? null))`;
}

export function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') throw new Error(`The page answered ${String(text)} where JSON was due.`);
  const value: unknown = JSON.parse(text);
  return value;
}

/** Polls an expression in the page until it is true. */
export async function waitFor(page: EnginePage, expression: string, timeoutMs = 30_000): Promise<void> {
  const poll = `(async () => {
    for (const end = Date.now() + ${timeoutMs}; Date.now() < end; ) {
      if (await (${expression})) return true;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return false;
  })()`;
  if ((await page.evaluate(poll)) !== true) throw new Error(`The page did not come to ${expression}.`);
}
