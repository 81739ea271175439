import { control, postEach, postMany } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { time } from '../page/time.ts';

expose({
  write: async (count: number) => {
    await control('/workbox-worker.js');
    return postEach('/rest/items', count);
  },
  prepare: async (count: number) => {
    await control('/workbox-worker.js');
    return postMany('/rest/items', count);
  },
  /** Gives 1 beside the time if the replay ended with an error, as it does at the first request without an answer. */
  upload: async () => {
    let failed = 0;
    const seconds = await time(async () => {
      const { port1, port2 } = new MessageChannel();
      const done = new Promise<unknown>((resolve) => {
        port1.onmessage = ({ data }) => resolve(data);
      });
      navigator.serviceWorker.controller?.postMessage('replay', [port2]);
      failed = (await done) === 'done' ? 0 : 1;
    });
    return [seconds, failed];
  },
  size: async () => {
    const { port1, port2 } = new MessageChannel();
    const done = new Promise<unknown>((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
    });
    navigator.serviceWorker.controller?.postMessage('size', [port2]);
    return Number(await done);
  },
});
