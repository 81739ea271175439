import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Bounds } from './bundle.ts';
import type { Failure, RunsOptions, RunsResult } from './world/run.ts';
import type { Break, SweepResult } from './world/sweep.ts';

/** One or both, by the bounds that they have. */
export type Bundles = Readonly<Partial<Record<Bounds, string>>>;

type Task =
  | { readonly type: 'histories'; readonly options: RunsOptions }
  | { readonly type: 'again'; readonly failure: Failure; readonly shortenForMs: number }
  | { readonly type: 'sweep'; readonly scenario: string; readonly how: Break };

/** Gives a task to a thread of its own: a world replaces the clock, the timers and the databases of its thread. Null: ended by the signal. */
function inThread<T>(bundle: string, task: Task, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
      workerData: { bundle: pathToFileURL(bundle).href, task },
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    const end = (result: T | null): void => {
      resolve(result);
      void worker.terminate();
    };
    worker.once('message', end);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`A thread of the model ended with code ${code}.`)));
    signal.addEventListener('abort', () => end(null), { once: true });
  });
}

/** Breaks a scenario at each of its effects. */
export async function sweepInThread(bundle: string, scenario: string, how: Break): Promise<SweepResult> {
  const task = { type: 'sweep', scenario, how } as const;
  const result = await inThread<SweepResult>(bundle, task, new AbortController().signal);
  if (result === null) throw new Error(`The sweep of «${scenario}» was ended.`);
  return result;
}

/**
 * Plays histories in as many threads as there are processors, each with a seed of its own, from `seed` on, the bundles by turns; a
 * failure ends all.
 */
export async function playInThreads(bundles: Bundles, options: RunsOptions): Promise<RunsResult> {
  const made = Object.entries(bundles);
  const threads = Math.min(options.runs, Math.max(made.length, availableParallelism()));
  const runs = Math.ceil(options.runs / threads);
  const controller = new AbortController();
  const play = async (index: number): Promise<RunsResult> => {
    const task = { type: 'histories', options: { ...options, runs, seed: options.seed + index } } as const;
    const [bounds, bundle] = made[index % made.length] ?? ['', ''];
    const result = await inThread<RunsResult>(bundle, task, controller.signal);
    if (result === null) return { runs: 0, failure: null };
    if (result.failure === null) return result;
    controller.abort();
    return { ...result, failure: { ...result.failure, bounds } };
  };
  const results = await Promise.all(Array.from({ length: threads }, (_v, index) => play(index)));
  return {
    runs: results.reduce((sum, result) => sum + result.runs, 0),
    failure: results.find((result) => result.failure !== null)?.failure ?? null,
  };
}

/** Plays the history of a failure again; for a time above zero it is also made shorter. */
export async function playAgain(bundles: Bundles, failure: Failure, shortenForMs: number): Promise<RunsResult> {
  const task = { type: 'again', failure, shortenForMs } as const;
  const bundle = failure.bounds === 'small' ? bundles.small : bundles.real;
  if (bundle === undefined) throw new Error(`There is no bundle with ${failure.bounds ?? 'real'} bounds.`);
  const result = await inThread<RunsResult>(bundle, task, new AbortController().signal);
  if (result === null) throw new Error('The history was ended.');
  return result;
}

/** Plays the history of a file that a failure named. */
export async function playFile(bundles: Bundles, file: string, shortenForMs: number): Promise<RunsResult> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- as `reportOf` wrote it
  return playAgain(bundles, JSON.parse(await readFile(file, 'utf8')) as Failure, shortenForMs);
}

async function written(failure: Failure): Promise<string> {
  const file = path.join(await mkdtemp(path.join(tmpdir(), 'holdfast-history-')), 'history.json');
  await writeFile(file, JSON.stringify(failure, null, 2));
  return file;
}

/** What a failure says: what was broken, the history that does it, and how to play it again. */
export async function reportOf({ failure }: RunsResult): Promise<string> {
  if (failure === null) return '';
  const { history, violations, bounds = 'real' } = failure;
  const file = await written(failure);
  return [
    ...violations.map(({ oracle, message }) => `${oracle}: ${message}`),
    `${history.devices} devices, seed ${history.seed}, ${bounds} bounds:`,
    ...history.steps.flatMap((step) =>
      step === null ? [] : [`  ${JSON.stringify(step.command)} and ${step.moves} moves`],
    ),
    `Play it again: npm run test:model -- ${file}`,
    `Make it shorter, for 300 seconds: npm run test:model -- ${file} 300`,
  ].join('\n');
}
