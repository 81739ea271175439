import { startServer } from '../../../demo/server/server.ts';
import type { Workload } from '../harness/workload.ts';

/** Changes that the server has taken before. */
const warmUp = 1_000;
const subject = 'holdfast-references';

const workload: Workload = {
  name: 'references',
  title: 'upload in one run of changes over five tables that refer to each other, to the demo’s server on PGlite',
  metrics: {
    seconds: { says: 'until a server that is in use has all and nothing is pending', unit: 's' },
    processor: { says: 'of which the server’s processor time', unit: 's' },
  },
  cases: [
    { n: 1_000, subjects: [subject] },
    { n: 10_000, subjects: [subject], rounds: 2 },
  ],
  measure: async (page, n) => {
    const { state } = page.server;
    const demo = await startServer({ places: 'none' });
    try {
      state.loadItems(0);
      state.demoUrl = demo.url;
      await page.open();
      const prepare = async (count: number): Promise<void> => {
        state.isHeld = true;
        await page.call('loseServer');
        await page.call('prepare', count);
        const [pending] = await page.call('settled');
        if (pending !== count) throw new Error(`${pending} of ${count} changes are pending.`);
        state.isHeld = false;
      };
      // A server that has just been started compiles its statements first.
      await prepare(warmUp);
      await page.call('upload');
      await prepare(n);
      const before = process.cpuUsage();
      const [seconds = Number.NaN] = await page.call('upload');
      const { user, system } = process.cpuUsage(before);
      return { seconds, processor: (user + system) / 1e6 };
    } finally {
      state.demoUrl = null;
      await demo.close();
    }
  },
  targets: [
    { says: 'seconds for 10,000, less than 3', value: ({ median }) => median('seconds', 10_000, subject), atMost: 3 },
  ],
};

export default workload;
