import { performance } from 'node:perf_hooks';
import { quantile } from '../harness/statistics.ts';

export interface LoadFigures {
  /** Answers a second, all clients together. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Lets each client ask again as soon as it is answered, for so long; what is under way then is waited for and counted. */
export async function underLoad(
  clients: number,
  forMs: number,
  ask: (client: number) => Promise<void>,
): Promise<LoadFigures> {
  const took: number[] = [];
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      do {
        const asked = performance.now();
        await ask(client);
        took.push(performance.now() - asked);
      } while (performance.now() - begun < forMs);
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  return { perSecond: took.length / seconds, p50Ms: quantile(took, 0.5), p95Ms: quantile(took, 0.95) };
}
