import { startServer } from '../../../demo/server/server.ts';
import { integerOf } from '../../../demo/server/database/database.ts';
import type { Workload } from '../harness/workload.ts';

const subject = 'holdfast-references';
const pending = 10_000;
const poisoned = 100;
/** Of each of these five tables the same number of records; a visit's line and photo cannot go without it. */
const withEachVisit = 3;

const workload: Workload = {
  name: 'poisoned',
  title:
    '10,000 changes over five tables, 100 visits among them that the server refuses, to the demo’s server on PGlite',
  metrics: {
    seconds: { says: 'until nothing moves any more', unit: 's' },
    kept: { says: 'kept here: refused visits, and the lines and photos that wait for them', unit: '' },
    reported: { says: 'named as failures', unit: '' },
    delivered: { says: 'delivered', unit: '' },
  },
  cases: [{ n: pending, subjects: [subject] }],
  limits: { [subject]: 1 },
  measure: async (page, n) => {
    const { state } = page.server;
    const demo = await startServer({ places: 'none' });
    const count = async (): Promise<number> => {
      const tables = ['places', 'products', 'visits', 'lines', 'photos'].map(
        (name) => `(select count(*) from ${name})`,
      );
      const [row] = await demo.database.query(`select (${tables.join(' + ')})::int as count`);
      return integerOf(row, 'count');
    };
    try {
      const before = await count();
      state.loadItems(0);
      state.demoUrl = demo.url;
      state.isHeld = true;
      await page.open();
      await page.call('loseServer');
      await page.call('prepare', n, n / 5 / poisoned);
      await page.call('settled');
      state.isHeld = false;
      const [seconds = Number.NaN] = await page.call('uploadAll');
      const [kept = Number.NaN, reported = Number.NaN] = await page.call('left');
      return { seconds, kept, reported, delivered: (await count()) - before };
    } finally {
      state.demoUrl = null;
      await demo.close();
    }
  },
  targets: [
    {
      says: 'kept, 100 visits with what hangs on them',
      value: ({ median }) => Math.abs(median('kept', pending, subject) - poisoned * withEachVisit),
      atMost: 0,
    },
    {
      says: 'named as failures, all 100',
      value: ({ median }) => median('reported', pending, subject),
      atLeast: poisoned,
    },
    {
      says: 'delivered, the rest',
      value: ({ median }) => Math.abs(median('delivered', pending, subject) - (pending - poisoned * withEachVisit)),
      atMost: 0,
    },
  ],
};

export default workload;
