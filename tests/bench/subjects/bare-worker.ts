import { control, getText, post, postEach } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { time, timeEach } from '../page/time.ts';

expose({
  connect: () => time(() => control('/bare-worker.js')),
  write: async (count: number) => {
    await control('/bare-worker.js');
    return postEach('/api/items', count);
  },
  /** Rows for the reads, stored by the worker itself. */
  fill: async () => {
    await control('/bare-worker.js');
    return time(() => post('/api/fill', {}));
  },
  /** Requests that the worker hands on. */
  asset: async (times: number) => {
    await control('/bare-worker.js');
    return timeEach(times, () => getText('/proxied/asset'));
  },
  readOne: (reads: number, total: number) =>
    timeEach(reads, (index) => getText(`/api/items/k${String((index * 7919) % total).padStart(9, '0')}`)),
  firstAnswer: (index: number) => time(() => getText(`/api/items/k${String(index).padStart(9, '0')}`)),
});
