import type { Subject } from './subject.ts';

/** One thing that is measured: what it is, and its unit. */
export interface Metric {
  readonly says: string;
  readonly unit: string;
}

/** A size at which a workload runs, and who takes part in it. The first subject is ours. */
export interface Case {
  readonly n: number;
  readonly subjects: readonly string[];
  /** Rounds at most. */
  readonly rounds?: number;
}

/** What the targets are computed from: medians over the rounds. Not a number if it was not measured. */
export interface Figures {
  readonly median: (metric: string, n: number, subject?: string) => number;
  /** How many times ours a peer's figure is. */
  readonly ratio: (metric: string, n: number, peer: string) => number;
}

export interface Target {
  readonly says: string;
  readonly value: (figures: Figures) => number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/**
 * A workload: a file of its own in `workloads/`, as its default export, and nothing else to register. `measure` is called
 * once for each round and subject, with a browser that has a fresh profile, and gives a number for each metric that this
 * subject has. The subjects are scripts of pages, in `subjects/`.
 */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly cases: readonly Case[];
  readonly measure: (subject: Subject, n: number) => Promise<Readonly<Record<string, number>>>;
  /** How long the server waits before it answers. @default 0 */
  readonly delayMs?: number;
  /** Rounds at most, for subjects that take minutes. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly targets?: readonly Target[];
  /** Taken in the other engines too, where several are asked for: these sizes, and of the peers these. */
  readonly elsewhere?: { readonly sizes: readonly number[]; readonly subjects: readonly string[] };
  /** What the machine and the browser can do at best, and who does it. Written down beside ours. */
  readonly limit?: { readonly subject: string; readonly says: string };
  /** What a reader should know of the peers: who was left out, and why. */
  readonly remarks?: readonly string[];
}
