import type { Workload } from '../harness/workload.ts';

const edits = 1000;
const records = 50;

const workload: Workload = {
  name: 'W4',
  title: '1,000 edits over 50 records, then an upload',
  metrics: {
    records: { says: 'changes sent', unit: '' },
    requests: { says: 'requests that carried them', unit: '' },
    seconds: { says: 'the upload', unit: 's' },
  },
  cases: [{ n: edits, subjects: ['holdfast', 'rxdb', 'pouchdb', 'workbox'] }],
  limits: { rxdb: 2, pouchdb: 2, workbox: 2 },
  measure: async (subject, n) => {
    const { state } = subject.server;
    state.loadItems(records);
    if (subject.name === 'holdfast') await subject.call('download', records);
    state.isHeld = true;
    if (subject.name === 'holdfast') await subject.call('loseServer');
    await subject.call('edit', n, records);
    if (subject.name === 'holdfast') await subject.call('settled');
    state.isHeld = false;
    const [seconds = Number.NaN] = await subject.call('upload');
    return { records: state.received, requests: state.uploads, seconds };
  },
  targets: [
    { says: 'changes sent, at most 50', value: ({ median }) => median('records', edits), atMost: records },
    { says: 'requests, at most 1', value: ({ median }) => median('requests', edits), atMost: 1 },
  ],
};

export default workload;
