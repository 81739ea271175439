import { control, getText } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { timeEach } from '../page/time.ts';

expose({
  /** Requests that a worker looks at and leaves to the browser. */
  asset: async (times: number) => {
    await control('/bare-worker.js');
    return timeEach(times, () => getText('/asset'));
  },
});
