// One thread of the model: plays in a world of its own, whose clock and databases are this thread's globals.
import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';

// Much of the library runs a few times in each history: optimized as early as V8 does, that took a fifth of the time.
setFlagsFromString('--interrupt-budget=400000');
setFlagsFromString('--always-sparkplug');

const { bundle, task } = workerData;
const model = await import(bundle);
const play = {
  histories: () => model.playMany(task.options),
  again: () => model.playAgain(task.failure, task.shortenForMs),
  sweep: () => model.sweep(task.scenario, task.how),
};
parentPort?.postMessage(await play[task.type]());
