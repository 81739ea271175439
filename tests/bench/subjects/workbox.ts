import { newItem } from '../page/items.ts';
import { control, post, postEach, postMany } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { time, timeEach } from '../page/time.ts';

function ask(what: 'replay' | 'size'): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<unknown>((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  navigator.serviceWorker.controller?.postMessage(what, [port2]);
  return answer;
}

expose({
  write: async (count: number) => {
    await control('/workbox-worker.js');
    return postEach('/rest/items', count);
  },
  prepare: async (count: number) => {
    await control('/workbox-worker.js');
    return postMany('/rest/items', count);
  },
  edit: async (edits: number, records: number) => {
    await control('/workbox-worker.js');
    return timeEach(edits, (index) => post('/rest/items', { ...newItem(index % records), stock: index }));
  },
  upload: () => time(() => ask('replay')),
  uploadAll: (most: number) =>
    time(async () => {
      for (let attempt = 0; attempt < most && Number(await ask('size')) > 0; attempt += 1) await ask('replay');
    }),
  /** What it still holds; it reports nothing. */
  settled: async () => [Number(await ask('size')), 0],
});
