// One thread of the model: plays in a world of its own, whose clock and databases are this thread's globals.
import { parentPort, workerData } from 'node:worker_threads';

const { bundle, task } = workerData;
const model = await import(bundle);
parentPort?.postMessage(
  task.type === 'histories' ? await model.playMany(task.options) : await model.sweep(task.scenario, task.how),
);
