import type { Cut } from './held-answer.ts';

/** What becomes of one request. A plan that does nothing with it lets it hang. */
export interface Passage {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Requests that came over the same connection before this one. */
  readonly before: number;
  /** The whole body of the request. */
  body(): Promise<string>;
  /**
   * Sends the request to the real server; resolves when that has begun to answer, with nothing passed on yet. Called again, after
   * `body()`, it sends the same request once more.
   */
  forward(): Promise<HeldAnswer>;
  /** Closes the connection without a byte. */
  drop(): void;
  /** Answers in the server's place. */
  answer(status: number, headers: Readonly<Record<string, string>>, body: string): void;
  /** Answers with the head and a begin of the body; then nothing more comes, and nothing ends. */
  begin(status: number, headers: Readonly<Record<string, string>>, body: string): void;
}

/** An answer of the real server, not yet passed on. */
export interface HeldAnswer {
  readonly status: number;
  /** The body of the request, of which at most 64 KiB are kept. */
  readonly asked: string;
  /** With further headers, or others in the place of the server's own. */
  pass(headers?: Readonly<Record<string, string>>): void;
  /** Passes on what comes up to the n-th line's end and a little of the next line; then nothing more comes, and nothing ends. */
  passLines(count: number): void;
  /** Passes a part of the body on, and ends the answer as `cut` says. */
  passPart(cut: Cut, share: number): Promise<void>;
  /** Passes it on in so many pieces, with a pause between them. */
  drip(pieces: number, pauseMs: number): Promise<void>;
  /** Waits for all of it, and passes nothing on: from here the request is the plan's again. */
  swallow(): Promise<void>;
}

/** Decides about a request; undefined: it is passed on as it is. */
export type Plan = (passage: Passage) => Promise<void> | undefined;
