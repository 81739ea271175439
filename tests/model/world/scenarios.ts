import type { Command, Step } from './commands.ts';

type Write = Extract<Command, { readonly type: 'write' }>;

const on = { device: 0, page: 0 };
const other = { device: 1, page: 0 };

function write(part: Partial<Write>): Command {
  return {
    ...{ type: 'write', ...on, table: 'visits', key: 0, method: 'PUT', fields: ['a', 'b'], isRejected: false },
    withKey: false,
    refersTo: 0,
    ...part,
  };
}

function synchronize(part: Partial<Extract<Command, { readonly type: 'synchronize' }>> = {}): Command {
  return { type: 'synchronize', ...on, mode: 'all', full: false, onBusy: 'queue', ...part };
}

function serverWrite(table: 'visits' | 'lines' | 'products' | 'tasks', key: number, field = 'c'): Command {
  return { type: 'server-write', table, key, field, user: 'ana' };
}

const settled: Command = { type: 'move', steps: 200 };
const seeded: readonly Command[] = [
  ...[0, 1, 2].flatMap((key) => [serverWrite('visits', key), serverWrite('products', key)]),
];
const downloaded: readonly Command[] = [...seeded, synchronize(), settled];
const loseAnswer: Command = { type: 'network-fault', ...on, kind: 'upload', fault: 'lose-answer' };

/** What a device does, on which it is stopped or fails anywhere. Each runs to quiet afterwards. */
const scripts: Readonly<Record<string, readonly Command[]>> = {
  'a first download': downloaded,
  'a second download of changes and removals': [
    ...downloaded,
    serverWrite('visits', 0, 'a'),
    { type: 'server-delete', table: 'visits', key: 1, user: 'ana' },
    synchronize(),
    settled,
  ],
  'a full download again': [...downloaded, serverWrite('visits', 0, 'a'), synchronize({ full: true }), settled],
  'a download that is cut and goes on': [
    ...seeded,
    { type: 'network-fault', ...on, kind: 'download', fault: 'cut' },
    synchronize(),
    settled,
    synchronize(),
    settled,
  ],
  'a create, an update and a delete in mode all': [
    ...downloaded,
    write({ table: 'lines', key: 1, method: 'POST' }),
    write({ key: 0, method: 'PATCH' }),
    write({ key: 1, method: 'DELETE' }),
    synchronize(),
    settled,
  ],
  'the same in mode unsynchronized': [
    ...downloaded,
    write({ key: 0, method: 'PATCH' }),
    write({ key: 1, method: 'DELETE' }),
    synchronize({ mode: 'unsynchronized' }),
    settled,
  ],
  'an answer lost, and an edit after it': [
    ...downloaded,
    loseAnswer,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    settled,
    write({ key: 0, method: 'PATCH', fields: ['b'] }),
    synchronize(),
    settled,
  ],
  'a delete over a create in flight': [
    ...downloaded,
    loseAnswer,
    write({ table: 'lines', key: 2, method: 'POST' }),
    settled,
    write({ table: 'lines', key: 2, method: 'DELETE' }),
    synchronize(),
    settled,
  ],
  'a conflict that is merged': [
    ...downloaded,
    serverWrite('visits', 0, 'b'),
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
  ],
  'a conflict that the server wins': [
    ...downloaded,
    serverWrite('products', 0, 'b'),
    write({ table: 'products', key: 0, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
  ],
  'a record that is rejected, beside one that is not': [
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'], isRejected: true }),
    write({ key: 1, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
    { type: 'failure', ...on, what: 'retry', index: 0 },
    synchronize(),
    settled,
  ],
  'a record that is gone on the server': [
    ...downloaded,
    { type: 'server-delete', table: 'visits', key: 0, user: 'ana' },
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
  ],
  'an edit, a command, an edit': [
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'close', ...on, table: 'visits', key: 0 },
    write({ key: 0, method: 'PATCH', fields: ['b'] }),
    synchronize(),
    settled,
  ],
  'a status set by hand': [
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'set-status', ...on, table: 'visits', status: 0, field: 'a' },
    { type: 'set-status', ...on, table: 'visits', status: 1, field: 'c' },
    synchronize(),
    settled,
  ],
  'a sign-in of another user with work left': [
    ...downloaded,
    { type: 'connectivity', ...on, isOnline: false },
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'sign-in', ...on, user: 'ben' },
    settled,
    { type: 'connectivity', ...on, isOnline: true },
    synchronize(),
    settled,
  ],
  'sign-outs that keep the work, and one that throws it away': [
    ...downloaded,
    { type: 'connectivity', ...on, isOnline: false },
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'sign-out', ...on, unsent: 'keep', data: 'keep', next: 'ben' },
    settled,
    { type: 'connectivity', ...on, isOnline: true },
    { type: 'sign-out', ...on, unsent: 'upload', data: 'remove', next: 'ana' },
    settled,
    write({ key: 1, method: 'PATCH', fields: ['a'] }),
    { type: 'sign-out', ...on, unsent: 'discard', data: 'remove', next: 'ana' },
    settled,
  ],
  'a draft that is written, edited and committed while its record changes': [
    ...downloaded,
    { type: 'draft', ...on, table: 'visits', key: 0, what: 'write', fields: ['a'] },
    { type: 'draft', ...on, table: 'visits', key: 1, what: 'write', fields: ['b'] },
    serverWrite('visits', 0, 'c'),
    write({ key: 0, method: 'PATCH', fields: ['b'] }),
    synchronize(),
    settled,
    { type: 'draft', ...on, table: 'visits', key: 0, what: 'commit', fields: ['a'] },
    { type: 'draft', ...on, table: 'lines', key: 2, what: 'write', fields: ['a', 'b'] },
    { type: 'draft', ...on, table: 'lines', key: 2, what: 'commit', fields: ['a'] },
    synchronize(),
    settled,
  ],
  // The failure that says so of a deletion, which has no content, went with the data.
  'a deletion that the server did not take, and a sign-out that removes the data': [
    ...downloaded,
    serverWrite('products', 0, 'a'),
    write({ table: 'products', key: 0, method: 'DELETE' }),
    synchronize(),
    settled,
    { type: 'sign-out', ...on, unsent: 'keep', data: 'remove', next: 'ana' },
    settled,
  ],
  'a run over some records': [
    ...downloaded,
    serverWrite('visits', 0, 'a'),
    write({ key: 1, method: 'PATCH', fields: ['a'] }),
    write({ table: 'lines', key: 1, method: 'POST' }),
    { type: 'select', ...on, tables: ['visits', 'lines'], keys: [0, 1], includeParents: true, onBusy: 'queue' },
    settled,
  ],
  // What it asked for is dispatched again under who signed in meanwhile, and nothing is left that knows whose page it was.
  'a page that was closed, and one whose binding was lost, in the middle of a request': [
    ...downloaded,
    { type: 'network-fault', ...on, kind: 'other', fault: 'hang' },
    { type: 'sign-in', ...on, user: 'ben' },
    { type: 'read', ...on, table: 'visits', key: 2 },
    { type: 'close-page', ...on },
    { type: 'sign-in', ...on, user: 'ana' },
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: true },
    settled,
  ],
  // The new worker put the trigger back at once, as often as it took it, for as long as the old one ran.
  'a trigger of a new worker while the one before still downloads': [
    ...downloaded,
    synchronize({ full: true }),
    { type: 'move', steps: 1 },
    { type: 'replace-worker', ...on, withSchema: false },
    { type: 'trigger', ...on, trigger: 'live' },
    settled,
  ],
  // What is known of damage may go with the next loss, before a worker came to tell it.
  'storage that is lost twice': [
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: false },
    { type: 'lose-storage', ...on, what: 'databases', stopsWorker: false },
    { type: 'read', ...on, table: 'visits', key: 0 },
    settled,
    synchronize(),
    settled,
    { type: 'lose-storage', ...on, what: 'databases', stopsWorker: false },
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: true },
    settled,
  ],
  // Nothing of the user's was made anew in between; the browser's word went with what was.
  'storage that is lost twice before anybody has signed in again': [
    { type: 'stop-worker', ...on, afterSteps: 1 },
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: false },
    { type: 'lose-storage', ...on, what: 'databases', stopsWorker: false },
    settled,
    { type: 'sign-in', ...on, user: 'ana' },
    settled,
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
  ],
  // The browser told nobody's database, which was opened again first, of the damage that another user's had.
  'damage while nobody is signed in any more': [
    ...downloaded,
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: false },
    { type: 'replace-worker', ...on, withSchema: false },
    synchronize(),
    { type: 'move', steps: 1 },
    { type: 'lose-storage', ...on, what: 'damaged', stopsWorker: false },
    settled,
  ],
  // What the other device sends is nobody's new write, though it puts an older value in the place of a newer one.
  'a record that another device marked to be sent as it has it': [
    ...downloaded,
    write({ table: 'lines', key: 1, method: 'POST', fields: ['a'] }),
    synchronize(),
    settled,
    synchronize(other),
    settled,
    write({ table: 'lines', key: 1, method: 'PATCH', fields: ['a'] }),
    synchronize(),
    settled,
    { type: 'set-status', ...other, table: 'lines', status: 1, field: 'a' },
    synchronize(other),
    settled,
  ],
  'new versions of the app with another schema, while there is work left': [
    ...downloaded,
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    write({ key: 1, method: 'PATCH', fields: ['a'], isRejected: true }),
    write({ key: 2, method: 'DELETE' }),
    { type: 'draft', ...on, table: 'visits', key: 0, what: 'write', fields: ['c'] },
    { type: 'close', ...on, table: 'visits', key: 0 },
    loseAnswer,
    { type: 'move', steps: 2 },
    { type: 'replace-worker', ...on, withSchema: true },
    write({ key: 0, method: 'PATCH', fields: ['b'] }),
    settled,
    { type: 'draft', ...on, table: 'visits', key: 0, what: 'commit', fields: ['a'] },
    { type: 'replace-worker', ...on, withSchema: true },
    synchronize(),
    settled,
  ],
  'files that are sent, replaced and fetched, and a form with one': [
    ...downloaded,
    { type: 'file', ...on, table: 'visits', key: 0, what: 'put', bytes: 9, refersTo: 0 },
    { type: 'file', ...on, table: 'tasks', key: 0, what: 'form', bytes: 3, refersTo: 0 },
    loseAnswer,
    synchronize(),
    settled,
    { type: 'file', ...on, table: 'visits', key: 0, what: 'put', bytes: 9, refersTo: 0 },
    synchronize(),
    settled,
    synchronize(other),
    settled,
    { type: 'file', ...other, table: 'visits', key: 0, what: 'put', bytes: 9, refersTo: 0 },
    synchronize(other),
    settled,
    synchronize(),
    settled,
  ],
  'new records whose keys the server makes, edited and named while the answer is lost': [
    ...downloaded,
    write({ table: 'tasks', method: 'POST', fields: ['a'] }),
    write({ table: 'lines', method: 'POST', fields: ['a'], refersTo: 1 }),
    { type: 'close', ...on, table: 'tasks', key: 0 },
    loseAnswer,
    synchronize(),
    settled,
    write({ table: 'tasks', method: 'PATCH', fields: ['b'] }),
    write({ table: 'tasks', method: 'POST', fields: ['c'], refersTo: 1 }),
    write({ table: 'lines', key: 1, method: 'POST', fields: ['b'], refersTo: 2 }),
    synchronize(),
    settled,
    write({ table: 'tasks', method: 'PATCH', fields: ['c'], refersTo: 2 }),
    synchronize(),
    settled,
  ],
  'two devices that change the same': [
    ...downloaded,
    synchronize(other),
    settled,
    write({ ...other, key: 0, method: 'PATCH', fields: ['b'] }),
    write({ key: 0, method: 'PATCH', fields: ['a'] }),
    synchronize(other),
    synchronize(),
    settled,
  ],
};

export const scenarios: Readonly<Record<string, readonly Step[]>> = Object.fromEntries(
  Object.entries(scripts).map(([name, commands]) => [name, commands.map((command) => ({ command, moves: 0 }))]),
);
