import { loseAnswer, onNth } from '../../support/faults/plans.ts';
import type { Table } from './apps.ts';
import type { SweptDevice } from './device.ts';

export interface Scenario {
  /** What is downloaded, and judged. @default ['notes', 'items'] */
  readonly tables?: readonly Table[];
  /** What is on the server before the app is opened. */
  readonly seed?: (device: SweptDevice) => Promise<void>;
  /** What was done before the worker is stopped anywhere. */
  readonly prepare?: (device: SweptDevice) => Promise<void>;
  /** The worker is stopped from the sign-in on. */
  readonly isFromStart?: true;
  readonly play: (device: SweptDevice) => Promise<void>;
  /** What else must be so when all is quiet. */
  readonly check?: (device: SweptDevice) => Promise<readonly string[]>;
}

async function seed(device: SweptDevice): Promise<void> {
  for (const name of ['1', '2', '3']) await device.elsewhere('PUT', 'notes', device.key(name), ['a', 'b']);
}

async function seedVisit(device: SweptDevice): Promise<void> {
  await device.elsewhere('PUT', 'visits', device.key('1'), ['note']);
}

async function writeSome(device: SweptDevice): Promise<void> {
  await device.write('POST', 'notes', device.key('4'), ['a', 'b']);
  await device.makeItem({ noteId: device.key('4') });
  await device.write('PATCH', 'notes', device.key('1'), ['a']);
  await device.write('DELETE', 'notes', device.key('2'), null);
}

const allPlaces = 17_000;

async function downloadPlaces(device: SweptDevice): Promise<void> {
  await device.call("setScope('places', 'all')");
  await device.run();
}

async function lacksPlaces({ page }: SweptDevice): Promise<readonly string[]> {
  const list =
    "fetch('/api/places?limit=1').then(({ headers }) => [headers.get('X-Total-Count'), headers.get('Sync-Source')].join(' '))";
  const total = await page.evaluate<string>(list);
  return total === `${allPlaces} local` ? [] : [`O4: of the places there are ${total}`];
}

const fileBytes = 1_300_000;

/** Bytes of which no two stretches are alike. */
const makeFile = `Uint8Array.from({ length: ${fileBytes} }, (_value, at) => (at * 31 + (at >> 8)) & 255)`;

async function lacksFiles(device: SweptDevice): Promise<readonly string[]> {
  const sent = await device.serverFetch('GET', `/api/attachments/${device.key('up')}/content`, null);
  const bytes = new Uint8Array(await sent.arrayBuffer());
  const isWhole = bytes.length === fileBytes && bytes.every((byte, at) => byte === ((at * 31 + (at >> 8)) & 255));
  const came = await device.page.evaluate<string>(
    `fetch('/api/attachments/${device.key('down')}/content').then((answer) => answer.text())`,
  );
  return [
    ...(isWhole ? [] : [`O1: of the file ${bytes.length} bytes are there`]),
    ...(came === 'a file that comes' ? [] : [`O4: the file that comes is ${came}`]),
  ];
}

async function signOut(device: SweptDevice, options: object): Promise<void> {
  await device.call(`signOut(${JSON.stringify(options)})`);
}

/** What a device does, on which the worker is stopped anywhere. Each is brought to quiet afterwards. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'a first download': {
    seed,
    isFromStart: true,
    play: async (device) => {
      await device.run();
    },
  },
  'a download of changes and removals': {
    seed,
    play: async (device) => {
      await device.elsewhere('PATCH', 'notes', device.key('1'), ['a']);
      await device.elsewhere('DELETE', 'notes', device.key('2'));
      await device.run();
    },
  },
  'a download in several pieces': { seed, play: downloadPlaces, check: lacksPlaces },
  'a full download again in several pieces': {
    seed,
    prepare: downloadPlaces,
    play: async (device) => {
      await device.elsewhere('PATCH', 'notes', device.key('1'), ['a']);
      await device.run({ full: true });
    },
    check: lacksPlaces,
  },
  'a create, an update and a delete in mode all': {
    seed,
    play: async (device) => {
      await writeSome(device);
      await device.run();
    },
  },
  'the same in mode unsynchronized': {
    seed,
    play: async (device) => {
      await writeSome(device);
      await device.run({ mode: 'unsynchronized' });
    },
  },
  'a run over some records': {
    seed,
    prepare: async (device) => {
      device.isOnline = false;
      await writeSome(device);
      await device.elsewhere('PATCH', 'notes', device.key('3'), ['b']);
      device.isOnline = true;
    },
    play: async (device) => {
      await device.run({ mode: 'selected', selection: { notes: ['4', '1', '3'].map((name) => device.key(name)) } });
    },
  },
  'an answer lost, and an edit over what is in flight': {
    seed,
    play: async (device) => {
      device.fault = onNth('/sync/upload', 1, loseAnswer);
      await device.write('PATCH', 'notes', device.key('1'), ['a']);
      await device.run({ mode: 'unsynchronized' });
      await device.write('PATCH', 'notes', device.key('1'), ['a', 'b']);
      await device.run();
    },
  },
  'a conflict that is merged': {
    seed,
    play: async (device) => {
      await device.elsewhere('PATCH', 'notes', device.key('1'), ['b']);
      await device.write('PATCH', 'notes', device.key('1'), ['a']);
      await device.run();
    },
  },
  'a conflict that waits for its user': {
    tables: ['remarks'],
    seed: (device) => device.elsewhere('PUT', 'remarks', device.key('1'), ['a', 'b']),
    play: async (device) => {
      const key = device.key('1');
      await device.elsewhere('PATCH', 'remarks', key, ['b']);
      await device.write('PATCH', 'remarks', key, ['a']);
      await device.run();
      const fields = device.values(['a', 'b']);
      const record = JSON.stringify({ id: key, ...fields });
      const resolve = `conflicts().then(([first]) => first && holdfast.resolve(first.id, ${record}))`;
      await device.note({ table: 'remarks', key, fields }, async () => {
        const { value, isLost } = await device.call(resolve);
        return value === true || isLost ? 200 : 409;
      });
      await device.run();
    },
    check: async (device) => {
      const { value } = await device.call('conflicts().then(({ length }) => length)');
      return value === 0 ? [] : [`O4: ${String(value)} conflicts wait`];
    },
  },
  'a record that is rejected, and mended': {
    seed,
    play: async (device) => {
      await device.write('PATCH', 'notes', device.key('1'), ['a'], { rating: 9 });
      await device.write('PATCH', 'notes', device.key('2'), ['a']);
      await device.run();
      await device.write('PATCH', 'notes', device.key('1'), ['b'], { rating: 3 });
      await device.run();
    },
  },
  'an edit, a command, an edit': {
    tables: ['visits'],
    seed: seedVisit,
    play: async (device) => {
      const key = device.key('1');
      await device.write('PATCH', 'visits', key, ['note']);
      await device.close(key);
      await device.write('PATCH', 'visits', key, ['note']);
      await device.run();
    },
    check: async (device) => {
      const status = (await device.there('visits')).get(device.key('1'))?.['status'];
      return status === 'closed' ? [] : [`O1: the visit is ${JSON.stringify(status)}`];
    },
  },
  'a group': {
    seed,
    play: async (device) => {
      const [made, changed] = [device.key('5'), device.key('1')];
      const [first, second] = [device.values(['a']), device.values(['b'])];
      const requests = JSON.stringify([
        { method: 'POST', url: '/api/notes', body: { id: made, ...first } },
        { method: 'PATCH', url: `/api/notes/${changed}`, body: second },
      ]);
      await device.note({ table: 'notes', key: made, fields: first }, () =>
        device.note({ table: 'notes', key: changed, fields: second }, async () => {
          const call = `group(${requests}, { idempotencyKey: ${JSON.stringify(device.key('group'))} })`;
          return (await device.call(call)).code === null ? 200 : 500;
        }),
      );
      await device.run();
    },
  },
  'files that go and come': {
    tables: ['attachments'],
    seed: async (device) => {
      await device.elsewhere('PUT', 'attachments', device.key('down'), ['a']);
    },
    play: async (device) => {
      await device.write('POST', 'attachments', device.key('up'), ['a']);
      const put = `fetch('/api/attachments/${device.key('up')}/content', { method: 'PUT', body: new Blob([${makeFile}]) })`;
      await device.page.evaluate(`${put}.then(() => null)`);
      const path = `/api/attachments/${device.key('down')}/content`;
      await device.serverFetch('PUT', path, new TextEncoder().encode('a file that comes'));
      await device.run();
    },
    check: lacksFiles,
  },
  'drafts that are committed while their record changes': {
    seed,
    play: async (device) => {
      for (const name of ['1', '6']) {
        const key = device.key(name);
        const fields = device.values(['a']);
        await device.call(`draft('notes', ${JSON.stringify({ id: key, ...fields })})`);
        await device.elsewhere('PATCH', 'notes', device.key('1'), ['b']);
        await device.run();
        await device.note({ table: 'notes', key, fields }, async () => {
          const { code, isLost } = await device.call(`commit('notes', ${JSON.stringify(key)})`);
          // No draft any more: it was committed by the worker that was lost.
          return code === null || (isLost && code === 'not-found') ? 200 : 409;
        });
      }
      await device.run();
    },
  },
  'a sign-out that uploads, and the next sign-in': {
    seed,
    play: async (device) => {
      device.isOnline = false;
      await writeSome(device);
      device.isOnline = true;
      await signOut(device, { unsent: 'upload' });
      await device.signIn();
      await device.write('PATCH', 'notes', device.key('3'), ['a']);
      await device.run();
    },
  },
  'a sign-out that removes the data, and the next sign-in': {
    seed,
    play: async (device) => {
      await device.write('PATCH', 'notes', device.key('1'), ['a']);
      await signOut(device, { unsent: 'upload', data: 'remove' });
      await device.signIn();
      await device.write('POST', 'notes', device.key('7'), ['a']);
      await device.run();
    },
  },
  'an import of unsent work': {
    seed,
    prepare: async (device) => {
      device.isOnline = false;
      await writeSome(device);
      await device.page.evaluate('holdfast.exportUnsent().then((file) => { globalThis.exported = file; })');
      await signOut(device, { unsent: 'discard', data: 'remove' });
      device.isOnline = true;
      await device.signIn();
      await device.run();
    },
    play: async (device) => {
      await device.call('importUnsent(exported)');
      await device.write('PATCH', 'notes', device.key('1'), ['b']);
      await device.run();
    },
  },
  'a new version of the worker with another schema': {
    seed,
    prepare: async (device) => {
      device.isOnline = false;
      await writeSome(device);
      // From here on a batch is in flight, which is sent as it was made.
      await device.run();
      await device.write('POST', 'notes', device.key('8'), ['a']);
      device.isUpdated = true;
    },
    play: async (device) => {
      await device.page.evaluate(`(async () => {
        for (;;) {
          if (await holdfast.drafts('labels').then(() => true, () => false)) return;
          const registration = await navigator.serviceWorker.getRegistration();
          await registration.update().catch(() => null);
          await holdfast.update().catch(() => null);
        }
      })()`);
      await device.write('PATCH', 'notes', device.key('1'), ['b']);
      device.isOnline = true;
      await device.run();
    },
    check: async (device) => {
      const kind = (await device.there('notes')).get(device.key('8'))?.['kind'];
      return kind === 'migrated' ? [] : [`O4: the note that was written before is ${JSON.stringify(kind)}`];
    },
  },
};
