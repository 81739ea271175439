// One thread of the model: plays in a world of its own, whose clock and databases are this thread's globals.
import { parentPort, workerData } from 'node:worker_threads';

const { bundle, task } = workerData;
const model = await import(bundle);
const play = {
  histories: () => model.playMany(task.options),
  again: () => model.playAgain(task.failure, task.shortenForMs),
  sweep: () => model.sweep(task.scenario, task.how),
};
parentPort?.postMessage(await play[task.type]());
