import { setTimeout as sleep } from 'node:timers/promises';
import { ours } from '../harness/measure.ts';
import type { Subject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';
import type { BenchState } from '../server/state.ts';

const changes = 200;
const rest = 'holdfast?backend=rest';
const subjects = [ours, rest, 'workbox', 'rxdb', 'pouchdb', 'tanstack'];

interface FaultCase {
  readonly says: string;
  readonly arrange: (state: BenchState) => void;
  readonly kill?: true;
}

/** What is done to the upload of 200 new records; a case is named by its place here, from 1. */
export const faultCases: readonly FaultCase[] = [
  {
    says: 'answer lost after applying (requests 1, 11, 21 …)',
    arrange: (state: BenchState): void => {
      state.requestFaults = (before) => (before % 10 === 0 ? 'applied-then-dropped' : null);
    },
  },
  {
    says: '500 (requests 1, 11, 21 …)',
    arrange: (state: BenchState): void => {
      state.requestFaults = (before) => (before % 10 === 0 ? 'fails' : null);
    },
  },
  {
    says: 'captive portal: a login page with 200 (the first 3 requests)',
    arrange: (state: BenchState): void => {
      state.requestFaults = (before) => (before < 3 ? 'login-page' : null);
    },
  },
  {
    says: 'one record that is always refused with 422',
    arrange: (state: BenchState): void => {
      state.faults = (index) => (index === 20 ? 'refused' : null);
    },
  },
  { says: 'worker and browser killed at half, started again', arrange: () => undefined, kill: true },
];

async function killAtHalf(subject: Subject): Promise<void> {
  const { state } = subject.server;
  const started = subject.call('uploadAll', 60).catch(() => undefined);
  while (state.effects.size < changes / 2) await sleep(2);
  await subject.kill();
  await started;
}

const workload: Workload = {
  name: 'faults',
  title: `what becomes of ${changes} changes (${faultCases.map(({ says }, index) => `n = ${index + 1}: ${says}`).join('; ')})`,
  metrics: {
    lost: { says: 'neither at the server, nor kept, nor reported', unit: '' },
    twice: { says: 'applied more than once', unit: '' },
    stuck: { says: 'kept, but never sent', unit: '' },
    reported: { says: 'reported as not taken', unit: '' },
  },
  cases: faultCases.map((_, index) => ({ n: index + 1, subjects })),
  limits: Object.fromEntries(subjects.map((name) => [name, 1])),
  measure: async (subject, n) => {
    const { state } = subject.server;
    const fault = faultCases[n - 1];
    state.loadItems(0);
    state.isHeld = true;
    const isOurs = subject.name.startsWith(ours);
    if (isOurs) await subject.call('loseServer');
    await subject.call('prepare', changes);
    if (isOurs) await subject.call('settled');
    state.isHeld = false;
    fault?.arrange(state);
    if (fault?.kill === true) await killAtHalf(subject);
    await subject.call('uploadAll', 60);
    const [kept = 0, reported = 0] = await subject.call('settled');
    const missing = changes - state.effects.size;
    return {
      lost: Math.max(0, missing - Math.max(kept, reported)),
      twice: [...state.effects.values()].filter((times) => times > 1).length,
      stuck: Math.min(missing, Math.max(0, kept - reported)),
      reported,
    };
  },
  targets: (['lost', 'twice', 'stuck'] as const).map((metric) => ({
    says: `${metric}, 0 in every case, with both backends`,
    value: ({ median }) =>
      faultCases.reduce((sum, _, index) => sum + median(metric, index + 1) + median(metric, index + 1, rest), 0),
    atMost: 0,
  })),
  remarks: [
    'Peers are used as their guides say: TanStack gets `NonRetriableError` for 4xx and sends its idempotency key, RxDB reads the answer as JSON, PouchDB is begun again after an error.',
    'RxDB and PouchDB state what a record is, so that sending it twice is not counted.',
  ],
};

export default workload;
