import { setTimeout as sleep } from 'node:timers/promises';
import type { Subject } from '../harness/subject.ts';
import type { Workload } from '../harness/workload.ts';

const download = 500_000;
const upload = 10_000;

async function stop(subject: Subject, isKilled: boolean): Promise<void> {
  if (isKilled) await subject.kill();
  else await (await subject.browser()).tools?.stopWorkers();
}

/** Breaks the work off in the middle. What becomes of the first call does not matter. */
async function measureDownload(subject: Subject, isKilled: boolean): Promise<Record<string, number>> {
  const { state } = subject.server;
  state.loadItems(download);
  await subject.call('connect');
  const half = subject.call('half', download);
  const started = subject.call('download', download).catch(() => undefined);
  const [come = 0] = await half;
  await stop(subject, isKilled);
  await started;
  const before = state.sent;
  const start = performance.now();
  await subject.call('resume');
  const seconds = (performance.now() - start) / 1000;
  const [found = 0] = await subject.call('count', 1, '', download);
  const again = state.sent - before - (download - come);
  return { downloadSeconds: seconds, fetchedAgain: Math.max(0, again / download), found };
}

async function measureUpload(subject: Subject, isKilled: boolean): Promise<Record<string, number>> {
  const { state } = subject.server;
  state.loadItems(0);
  state.isHeld = true;
  await subject.call('loseServer');
  await subject.call('prepare', upload);
  state.isHeld = false;
  const started = subject.call('upload').catch(() => undefined);
  while (state.received < upload / 2) await sleep(2);
  await stop(subject, isKilled);
  await started;
  const start = performance.now();
  await subject.call('uploadAll', 20);
  const uploadSeconds = (performance.now() - start) / 1000;
  const arrived = [...state.effects.values()];
  const twice = arrived.filter((times) => times > 1).length;
  return { uploadSeconds, sentAgain: state.received - upload, lost: upload - arrived.length, twice };
}

const workload: Workload = {
  name: 'W8',
  title:
    'stopped at half of a download of 500,000 (n = 1: the worker; n = 2: the browser killed) and of an upload of 10,000',
  metrics: {
    downloadSeconds: { says: 'the rest of the download', unit: 's' },
    fetchedAgain: { says: 'share of the records that came twice', unit: '' },
    uploadSeconds: { says: 'the rest of the upload', unit: 's' },
    sentAgain: { says: 'changes sent again', unit: '' },
    lost: { says: 'lost', unit: '' },
    twice: { says: 'applied twice', unit: '' },
  },
  cases: [
    { n: 1, subjects: ['holdfast'] },
    { n: 2, subjects: ['holdfast'] },
  ],
  limits: { holdfast: 2 },
  measure: async (subject, n) => {
    const first = await measureDownload(subject, n === 2);
    await subject.close();
    subject.server.state.reset();
    return { ...first, ...(await measureUpload(subject, n === 2)) };
  },
  targets: [
    { says: 'lost, 0', value: ({ median }) => median('lost', 1) + median('lost', 2), atMost: 0 },
    { says: 'twice, 0', value: ({ median }) => median('twice', 1) + median('twice', 2), atMost: 0 },
    {
      says: 'changes sent again, at most a batch of 1,000',
      value: ({ median }) => Math.max(median('sentAgain', 1), median('sentAgain', 2)),
      atMost: 1000,
    },
  ],
};

export default workload;
