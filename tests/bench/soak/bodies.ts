import { heapDuring } from '../harness/heap.ts';
import type { Workload } from '../harness/workload.ts';

const subject = 'holdfast-files';
const kinds = ['form', 'file', 'json'] as const;
const stored = 100;
const refused = 200;

const workload: Workload = {
  name: 'bodies',
  title: `Bodies of ${stored} MB, a file as large as is taken (n = ${stored}), and of ${refused} MB, which are refused (n = ${refused})`,
  metrics: {
    seconds: { says: 'until a form with a file was answered', unit: 's' },
    form: { says: 'most that the heap of the worker held over a form with a file, buffers included', unit: 'MB' },
    file: { says: 'the same over a PUT of a file', unit: 'MB' },
    json: { says: 'the same over a record', unit: 'MB' },
    right: { says: 'of the three answers, so many with the right status', unit: '' },
  },
  cases: [
    { n: stored, subjects: [subject] },
    { n: refused, subjects: [subject] },
  ],
  limits: { [subject]: 1 },
  measure: async (page, n) => {
    page.server.state.loadItems(0);
    await page.open();
    await page.call('loseServer');
    const figures: Record<string, number> = {};
    let right = 0;
    for (const kind of kinds) {
      let answer: readonly number[] = [];
      figures[kind] = await heapDuring(page, async () => {
        answer = await page.call('send', kinds.indexOf(kind), n);
      });
      const [status, seconds = Number.NaN] = answer;
      const expected = n === refused || kind === 'json' ? 413 : kind === 'form' ? 201 : 200;
      if (status === expected) right += 1;
      if (kind === 'form') figures['seconds'] = seconds;
    }
    return { ...figures, right };
  },
  targets: [
    {
      says: 'of the six answers right',
      value: ({ median }) => median('right', stored, subject) + median('right', refused, subject),
      atLeast: 2 * kinds.length,
    },
    {
      says: 'MB of heap, less than the smaller body',
      value: ({ median }) =>
        Math.max(...kinds.flatMap((kind) => [median(kind, stored, subject), median(kind, refused, subject)])),
      atMost: stored,
    },
  ],
};

export default workload;
