import { randomUUID } from 'node:crypto';
import type { Reply, WorkerMethods } from '../../sw/protocol/api.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { createGroupMethods } from '../../sw/router/group-route.ts';
import { createWorkerMethods } from '../../sw/sync/worker-methods.ts';
import { Device, signal, type Worker } from './engine-fixture.ts';
import { commands, origin } from './page-requests.ts';
import type { Fixture } from './server-fixture.ts';

export function visit(id: string, more: JsonObject = {}): JsonObject {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

/** What a page can call in a worker. */
export function pageOf(worker: Worker, session: OpenSession): WorkerMethods {
  const { sessions } = worker;
  const { schema } = session;
  return {
    ...createWorkerMethods(sessions, schema, randomUUID),
    ...createGroupMethods({ sessions, schema, commands, origin }),
  };
}

/** What a call of a page resolves with. */
export async function valueOf<T>(reply: Promise<Reply<T>>): Promise<T> {
  const settled = await reply;
  if (!settled.ok) throw new Error(JSON.stringify(settled.error));
  return settled.value;
}

export interface Opened {
  readonly device: Device;
  readonly worker: Worker;
  readonly session: OpenSession;
  readonly page: WorkerMethods;
}

/** A new device on which ana is signed in. */
export async function openDevice(fixture: Fixture, tables?: Readonly<Record<string, TableOptions>>): Promise<Opened> {
  const device = tables === undefined ? new Device(fixture) : new Device(fixture, tables);
  const worker = device.startWorker();
  const session = await worker.signIn('ana');
  return { device, worker, session, page: pageOf(worker, session) };
}

/** Holds every request of a path until it is let go. */
export function holding(held: string): {
  readonly network: Device['network'];
  readonly reached: Promise<void>;
  readonly letGo: () => void;
} {
  const reached = signal();
  const gate = signal();
  const network: Device['network'] = async (path, forward) => {
    if (path === held) {
      reached.give();
      await gate.given;
    }
    return forward();
  };
  return { network, reached: reached.given, letGo: gate.give };
}

/** The server takes uploads, and their answers are lost on the way: of all of them, or of so many. */
export function losingUploads(times: number = Infinity): Device['network'] {
  let left = times;
  return async (path, forward) => {
    const answer = await forward();
    if (path !== '/sync/upload' || left === 0) return answer;
    left -= 1;
    await answer.text();
    throw new TypeError('connection closed');
  };
}

export const noNetwork: Device['network'] = () => Promise.reject(new TypeError('no network'));
export const network: Device['network'] = (_path, forward) => forward();
