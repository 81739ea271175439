import { wrap } from 'comlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLink, maxConnectionsOfPage, type Link, type LinkMessageEvent } from '../../sw/broadcast/link.ts';
import {
  connectionLock,
  isConnectedMessage,
  isRefusedMessage,
  tabLock,
  type Reply,
  type WorkerMethods,
} from '../../sw/protocol/api.ts';
import { StorageError } from '../../sw/protocol/errors.ts';
import type { SyncState } from '../../sw/protocol/run.ts';
import { LockSpace } from '../support/locks.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { queryAnswer, syncResult, syncState } from '../support/sync-shapes.ts';

const origin = 'https://app.test';

function fine<T>(value: T): Promise<Reply<T>> {
  return Promise.resolve({ ok: true, value });
}

function methodsOf(own: Partial<WorkerMethods>): WorkerMethods {
  return {
    synchronize: () => fine(syncResult('run-1')),
    cancel: () => fine(false),
    requestRun: () => fine(false),
    state: () => fine(syncState()),
    whyNotSyncing: () => fine({ type: 'none' }),
    history: () => fine([]),
    statusOf: () => fine({ status: 'synchronized', code: 0, detail: 'clean' }),
    pending: () => fine({ total: 0, sendable: 0, tables: {}, commands: 0 }),
    setStatus: () => fine({ count: 0, warnings: [] }),
    query: () => fine(queryAnswer([])),
    setScope: () => fine(true),
    clear: () => fine({ cleared: 0, refused: [] }),
    receive: () => fine({ received: 0, removed: 0, changed: [] }),
    conflicts: () => fine([]),
    resolve: () => fine(false),
    failures: () => fine([]),
    exportUnsent: () => fine(''),
    importUnsent: () => fine({ changes: 0, commands: 0, drafts: 0, failures: 0, skipped: 0 }),
    draft: () => fine({ table: 'visits', key: 'v1', record: {}, isNew: true, at: 0 }),
    drafts: () => fine([]),
    commit: () => fine({}),
    discardDraft: () => fine(false),
    group: () => Promise.reject(new Error('not asked')),
    outcomeOf: () => fine({ type: 'unknown' }),
    retry: () => fine(false),
    discard: () => fine(false),
    sendAgain: () => fine(false),
    arrived: () => fine(false),
    signIn: () => fine(true),
    signOut: () => fine(true),
    provideHeaders: () => fine(true),
    ...own,
  };
}

const withProto = Object.defineProperty({}, '__proto__', { value: { b: 1 }, enumerable: true });

describe("the worker's end of a port", () => {
  let locks: LockSpace;
  let clock: ManualClock;
  let link: Link;
  let state: () => Promise<SyncState>;
  let skipped: number;
  let gaveWay: number;
  let claimed: number;
  let setStatusCalls: unknown[][];
  let ports: MessagePort[];

  beforeEach(() => {
    locks = new LockSpace();
    clock = new ManualClock();
    state = () => Promise.resolve(syncState({ pending: 3 }));
    skipped = 0;
    gaveWay = 0;
    claimed = 0;
    setStatusCalls = [];
    ports = [];
    link = createLink({
      name: 'rounds',
      version: '1.2.3',
      origin,
      locks: locks.agent('worker'),
      state: () => state(),
      setTimer: clock.setTimer,
      live: '/sync/live',
      skipWaiting: () => {
        skipped += 1;
        return Promise.resolve();
      },
      giveWay: () => {
        gaveWay += 1;
      },
      claim: () => {
        claimed += 1;
        return Promise.reject(new DOMException('not active', 'InvalidStateError'));
      },
      methods: () =>
        methodsOf({
          setStatus: (...args) => {
            setStatusCalls.push(args);
            return fine({ count: 7, warnings: [] });
          },
        }),
    });
  });

  afterEach(() => {
    for (const port of ports) port.close();
  });

  function post(data: unknown, parts: Partial<LinkMessageEvent> = {}): Promise<unknown>[] {
    const work: Promise<unknown>[] = [];
    link.onMessage({
      data,
      source: { id: 'page-1', type: 'window', url: `${origin}/index.html` },
      ports: [],
      waitUntil: (promise) => {
        work.push(promise);
      },
      ...parts,
    });
    return work;
  }

  function connect(connection: string, parts: Partial<LinkMessageEvent> = {}, more: object = {}): MessagePort {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    void locks.agent(`tab ${connection}`).request(tabLock(connection), () => new Promise(() => undefined));
    void post({ holdfast: 1, type: 'connect', connection, ...more }, { ports: [port2], ...parts });
    return port1;
  }

  function next(port: MessagePort): Promise<unknown> {
    return new Promise((resolve) => {
      port.addEventListener(
        'message',
        ({ data }: MessageEvent<unknown>) => {
          resolve(data);
        },
        { once: true },
      );
      port.start();
    });
  }

  async function connected(connection: string): Promise<MessagePort> {
    const port = connect(connection);
    expect(isConnectedMessage(await next(port))).toBe(true);
    return port;
  }

  function held(): string[] {
    return locks.snapshot().held.map(({ name }) => name);
  }

  it('tells the state once the connection is made', async () => {
    expect(await next(connect('c-1'))).toEqual({
      holdfast: 1,
      type: 'connected',
      name: 'rounds',
      version: '1.2.3',
      live: '/sync/live',
      state: syncState({ pending: 3 }),
    });
    expect(held()).toContain(connectionLock('c-1'));
  });

  it('tells why it has no state', async () => {
    state = () => Promise.reject(new StorageError('no database'));
    const message = await next(connect('c-1'));
    expect(isRefusedMessage(message) && message.error.code).toBe('storage');
  });

  it('answers calls over Comlink', async () => {
    const port = await connected('c-1');
    const worker = wrap<WorkerMethods>(port);
    expect(await worker.setStatus('products', 1, 'Stock < 5', {})).toMatchObject({ ok: true, value: { count: 7 } });
    expect(setStatusCalls).toEqual([['products', 1, 'Stock < 5', {}]]);
  });

  it.each([
    ['SET', { path: ['__proto__', 'polluted'], value: { type: 'RAW', value: true } }],
    ['SET', { path: ['state'], value: { type: 'RAW', value: true } }],
    ['GET', { path: ['state'] }],
    ['GET', { path: [] }],
    ['APPLY', { path: ['constructor', 'constructor'], argumentList: [{ type: 'RAW', value: 'return 1' }] }],
    ['APPLY', { path: ['toString'], argumentList: [] }],
    ['APPLY', { path: ['__proto__'], argumentList: [] }],
    ['APPLY', { path: [['state']], argumentList: [] }],
    ['APPLY', { path: ['state'], argumentList: [{ type: 'HANDLER', name: 'throw', value: { isError: false } }] }],
    ['APPLY', { path: ['state'], argumentList: [{ type: 'RAW', value: new Map() }] }],
    ['APPLY', { path: ['state'], argumentList: [{ type: 'RAW', value: { a: withProto } }] }],
    ['CONSTRUCT', { path: ['state'], argumentList: [] }],
    ['ENDPOINT', {}],
    ['RELEASE', {}],
    ['OTHER', {}],
  ])('answers a raw %s of %o with an error, and nothing else happens', async (type, parts) => {
    const port = await connected('c-1');
    const answer = next(port);
    port.postMessage({ id: 'raw-1', type, ...parts });
    expect(await answer).toMatchObject({ id: 'raw-1', type: 'HANDLER', name: 'throw' });
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    const again = next(port);
    port.postMessage({ id: 'raw-2', type: 'APPLY', path: ['pending'], argumentList: [] });
    expect(await again).toMatchObject({ id: 'raw-2', type: 'RAW', value: { ok: true } });
  });

  it('does not answer what is no request', async () => {
    const port = await connected('c-1');
    const answer = next(port);
    for (const junk of [null, 1, 'x', [], {}, { id: 4, type: 'SET', path: ['__proto__'] }]) port.postMessage(junk);
    port.postMessage({ id: 'raw-1', type: 'APPLY', path: ['state'], argumentList: [] });
    expect(await answer).toMatchObject({ id: 'raw-1' });
  });

  it.each([
    ['another origin', { id: 'page-1', type: 'window', url: 'https://other.test/' }],
    ['a worker', { id: 'page-1', type: 'worker', url: `${origin}/worker.js` }],
    ['a page without an address', { id: 'page-1', type: 'window', url: 'about:blank' }],
    ['nobody', null],
  ])('does not link up with %s', async (_who, source) => {
    connect('c-1', { source });
    expect(post({ holdfast: 1, type: 'skip-waiting' }, { source })).toEqual([]);
    await connected('c-2');
    expect(held()).not.toContain(connectionLock('c-1'));
    expect(skipped).toBe(0);
  });

  it('frees the connection when the page says goodbye', async () => {
    const port = await connected('c-1');
    port.postMessage({ holdfast: 1, type: 'close' });
    await locks.agent('test').request(connectionLock('c-1'), () => undefined);
    expect(locks.snapshot().pending).toEqual([]);
  });

  it('frees the connection when the page dies without a word', async () => {
    await connected('c-1');
    locks.kill('tab c-1');
    await locks.agent('test').request(connectionLock('c-1'), () => undefined);
    expect(held()).not.toContain(tabLock('c-1'));
  });

  it('closes the oldest of too many connections of one page', async () => {
    for (let count = 0; count <= maxConnectionsOfPage; count += 1) await connected(`c-${count}`);
    await locks.agent('test').request(connectionLock('c-0'), () => undefined);
    expect(held().filter((name) => name.startsWith('holdfast-connection:'))).toHaveLength(maxConnectionsOfPage);
  });

  it('keeps the worker alive until the named call is answered', async () => {
    const port = await connected('c-1');
    const [alive] = post({ holdfast: 1, type: 'keep-alive', connection: 'c-1', call: 'raw-1' });
    const answer = next(port);
    port.postMessage({ id: 'raw-1', type: 'APPLY', path: ['state'], argumentList: [] });
    await answer;
    await alive;
    expect(alive).toBeDefined();
    expect(clock.waiting).toBe(0);
  });

  it('keeps the worker alive for no call that is answered already, nor for a connection it does not know', async () => {
    const port = await connected('c-1');
    const answer = next(port);
    port.postMessage({ id: 'raw-1', type: 'APPLY', path: ['state'], argumentList: [] });
    await answer;
    await Promise.all(post({ holdfast: 1, type: 'keep-alive', connection: 'c-1', call: 'raw-1' }));
    await Promise.all(post({ holdfast: 1, type: 'keep-alive', connection: 'c-9', call: 'raw-1' }));
    expect(clock.waiting).toBe(0);
  });

  it('keeps the worker alive for a minute at most', async () => {
    await connected('c-1');
    const [alive] = post({ holdfast: 1, type: 'keep-alive', connection: 'c-1', call: 'raw-1' });
    clock.advance(60_000);
    await alive;
    expect(alive).toBeDefined();
  });

  it('does not keep the worker alive for a page that is gone', async () => {
    await connected('c-1');
    const [alive] = post({ holdfast: 1, type: 'keep-alive', connection: 'c-1', call: 'raw-1' });
    locks.kill('tab c-1');
    await alive;
    expect(clock.waiting).toBe(0);
  });

  it('takes over when a page asks for it', async () => {
    await Promise.all(post({ holdfast: 1, type: 'skip-waiting' }));
    expect(skipped).toBe(1);
  });

  it('gives way when a page asks for it', async () => {
    await Promise.all(post({ holdfast: 1, type: 'give-way' }));
    expect([gaveWay, skipped]).toEqual([1, 0]);
  });

  it('claims a page without a controller, and links up even where that is refused', async () => {
    const port = connect('c-1', {}, { claim: true });
    expect(isConnectedMessage(await next(port))).toBe(true);
    expect(claimed).toBe(1);
  });
});
