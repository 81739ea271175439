import type { Fault } from '../server/state.ts';
import type { Workload } from '../harness/workload.ts';

const rest = 'holdfast?backend=rest';
const n = 1000;

/** One in a hundred each. */
function faultOf(index: number): Fault {
  if (index % 100 === 1) return 'fails-once';
  if (index % 100 === 2) return 'refused';
  return index % 100 === 3 ? 'applied-then-dropped-once' : null;
}

const workload: Workload = {
  name: 'W7',
  title: 'of 1,000 changes 1 % answered 500 once, 1 % answered 422, 1 % applied and the connection dropped',
  metrics: {
    lost: { says: 'neither at the server, nor kept, nor reported', unit: '' },
    twice: { says: 'applied more than once', unit: '' },
    stuck: { says: 'still kept in the end, unreported', unit: '' },
    reported: { says: 'reported as not taken', unit: '' },
    seconds: { says: 'until nothing moves any more', unit: 's' },
  },
  cases: [{ n, subjects: ['holdfast', rest, 'workbox'] }],
  limits: { workbox: 2 },
  measure: async (subject) => {
    const { state } = subject.server;
    state.loadItems(0);
    state.isHeld = true;
    const isOurs = subject.name !== 'workbox';
    if (isOurs) await subject.call('loseServer');
    await subject.call('prepare', n);
    if (isOurs) await subject.call('settled');
    state.isHeld = false;
    state.faults = faultOf;
    const [seconds = Number.NaN] = await subject.call('uploadAll', 60);
    const [kept = 0, reported = 0] = await subject.call('settled');
    const arrived = [...state.effects.values()];
    const twice = arrived.filter((times) => times > 1).length;
    // A change that was refused is kept and reported until the user has decided.
    const stuck = Math.max(0, kept - reported);
    return { lost: Math.max(0, n - arrived.length - Math.max(kept, reported)), twice, stuck, reported, seconds };
  },
  targets: [
    { says: 'lost, 0', value: ({ median }) => median('lost', n) + median('lost', n, rest), atMost: 0 },
    { says: 'twice, 0', value: ({ median }) => median('twice', n) + median('twice', n, rest), atMost: 0 },
    { says: 'stuck, 0', value: ({ median }) => median('stuck', n) + median('stuck', n, rest), atMost: 0 },
    { says: 'reported, all 10', value: ({ median }) => median('reported', n), atLeast: 10 },
  ],
};

export default workload;
