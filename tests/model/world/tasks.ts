import 'fake-indexeddb/auto';
import { forceCloseDatabase } from 'fake-indexeddb';
import { clone } from '../stand-ins/clone.ts';
import { MessageChannel } from '../stand-ins/message-channel.ts';

/** One worker, as far as the database and the locks know it. */
export interface Owner {
  readonly id: string;
  isAlive: boolean;
  /** A newer worker has taken over. */
  isReplaced: boolean;
  /** Steps of its transactions that it may still make; then it is stopped. */
  stepsLeft: number;
  /** What happens at its next effects: a writing transaction that is about to be complete, a request that goes out, an answer. */
  readonly onEffect: (effect: 'write' | 'request' | 'answer') => 'go on' | 'fail';
  readonly stop: () => void;
}

interface Connection {
  readonly name: string;
  readonly _rawDatabase: { readonly processTransactions: () => void; transactions: Transaction[] };
  close(): void;
}

/** The databases of a world. */
export interface Databases {
  /** Those of a device go, as when the browser finds them damaged: connections close, and what is under way fails. */
  lose(device: string, saysSo: boolean): void;
  has(name: string): boolean;
}

interface Transaction {
  readonly db: Connection;
  readonly mode: string;
  _state: string;
  readonly _rollbackLog: (() => void)[];
  readonly _requests: readonly unknown[];
  _abort(error: string): void;
  _markFinished(): void;
  _start(): void;
}

const realImmediate = setImmediate;
// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- Node's types leave it out
const { _tickCallback: runMicrotasks } = process as unknown as { readonly _tickCallback: () => void };
let tasks: (() => void)[] = [];

/** Runs one task after the other, each with its microtasks, as immediates run, but without a turn of Node's loop for each. */
function runTasks(): void {
  for (let next = 0; next < tasks.length; next += 1) {
    tasks[next]?.();
    runMicrotasks();
  }
  tasks = [];
}

/** What nobody waits for runs in Node's next turn. */
function queueTask(task: () => void): void {
  if (tasks.push(task) === 1) realImmediate(runTasks);
}

const owners = new WeakMap<object, Owner>();

/** A worker's names end in `~` and its number, so that its databases and locks are known for its own. */
export function plainName(name: string): string {
  return name.replace(/~\d+/, '');
}

/** Undoes a transaction of a worker that was stopped, and lets the next one start. Nobody is told. */
function discard(tx: Transaction): void {
  if (tx._state !== 'finished') {
    for (const undo of [...tx._rollbackLog].reverse()) undo();
    tx._markFinished();
  }
  tx.db._rawDatabase.processTransactions();
}

/** A database of fake-indexeddb keeps every transaction that it ever had, and looks through them at each new one. */
function forgetFinished({ _rawDatabase: raw }: Connection): void {
  if (raw.transactions.length < 16) return;
  raw.transactions = raw.transactions.filter((tx) => tx._state !== 'finished');
}

/** Makes the databases of a world, with each connection known to belong to a worker. */
export function installDatabases(ownerOf: (name: string) => Owner | undefined): Databases {
  Object.assign(globalThis, { setImmediate: queueTask, structuredClone: clone, MessageChannel });
  const factory = new IDBFactory();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the part of fake-indexeddb that is its own
  const { _databases: stored } = factory as unknown as { readonly _databases: Map<string, object> };
  /** Devices whose next database is the first after a loss that the browser noticed. */
  const lost = new Set<string>();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the parts of fake-indexeddb that are its own
  const prototype = IDBTransaction.prototype as unknown as Transaction;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the transaction below
  const original = originalStart ?? prototype._start;
  originalStart = original;
  prototype._start = function start(this: Transaction): void {
    forgetFinished(this.db);
    const owner = this.mode === 'versionchange' ? undefined : owners.get(this.db);
    if (owner !== undefined) {
      if (owner.isAlive) {
        owner.stepsLeft -= 1;
        if (owner.stepsLeft <= 0) owner.stop();
        const isWrite = this.mode === 'readwrite' && this._state !== 'finished' && this._requests.length === 0;
        if (isWrite && owner.onEffect('write') === 'fail') {
          this._abort('UnknownError');
          return;
        }
      }
      if (!owner.isAlive) {
        discard(this);
        return;
      }
    }
    original.call(this);
  };
  Object.assign(globalThis, {
    indexedDB: {
      open: (name: string, version?: number): IDBOpenDBRequest => {
        const owner = ownerOf(name);
        const request = factory.open(plainName(name), version);
        request.addEventListener('success', () => {
          if (owner !== undefined) adopt(request.result, owner);
        });
        request.addEventListener('upgradeneeded', (event) => {
          if (owner !== undefined) adopt(request.result, owner);
          if (lost.delete(deviceOf(name))) Object.assign(event, { dataLoss: 'total' });
        });
        return request;
      },
      deleteDatabase: (name: string) => factory.deleteDatabase(plainName(name)),
      databases: () => factory.databases(),
      cmp: (a: unknown, b: unknown) => factory.cmp(a, b),
    },
  });
  return {
    lose: (device, saysSo) => {
      for (const name of [...stored.keys()]) if (deviceOf(name) === device) stored.delete(name);
      if (saysSo) lost.add(device);
      for (const [owner, own] of connections) {
        if (plainName(owner.id) !== device) continue;
        connections.delete(owner);
        for (const connection of own) cutOff(connection);
      }
    },
    has: (name) => stored.has(name),
  };
}

function deviceOf(name: string): string {
  return /^holdfast:(device\d+)/.exec(name)?.[1] ?? '';
}

/** What is under way on a connection fails, and the connection closes, as when site data is cleared. */
function cutOff(connection: IDBDatabase): void {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the parts of fake-indexeddb that are its own
  const own = connection as unknown as Connection;
  for (const tx of own._rawDatabase.transactions) {
    if (tx.db === own && tx._state !== 'finished') tx._abort('AbortError');
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- its type asks for the class
  forceCloseDatabase(connection as never);
}

let originalStart: ((this: Transaction) => void) | undefined;

const connections = new Map<Owner, Set<IDBDatabase>>();

function adopt(connection: IDBDatabase, owner: Owner): void {
  owners.set(connection, owner);
  const own = connections.get(owner) ?? new Set();
  connections.set(owner, own.add(connection));
  if (!owner.isAlive) connection.close();
}

/** What the browser does with the connections of a worker that it stops. */
export function closeConnections(owner: Owner): void {
  for (const connection of connections.get(owner) ?? []) connection.close();
  connections.delete(owner);
}

export function forgetConnections(): void {
  connections.clear();
}

/**
 * Settles when nothing runs any more but what waits for the network, a timer or a lock: when all tasks were run, as nothing here
 * needs a turn of Node's loop.
 */
export function untilIdle(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(() => {
      runTasks();
      resolve();
    });
  });
}
