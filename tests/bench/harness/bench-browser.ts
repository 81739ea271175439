import type { CDPSession } from 'puppeteer-core';

export interface BenchPage {
  /** What is evaluated gives numbers, or a promise of them. */
  evaluate(expression: string): Promise<number[]>;
  close(): Promise<void>;
}

export interface DevTools {
  /** A session of the running service worker. */
  worker(): Promise<CDPSession>;
  stopWorkers(): Promise<void>;
}

export interface BenchBrowser {
  readonly version: string;
  open(url: string): Promise<BenchPage>;
  close(): Promise<void>;
  kill(): Promise<void>;
  /** Undefined outside Chromium. */
  readonly tools?: DevTools;
}

export function numbersOf(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [Number(value)];
}
