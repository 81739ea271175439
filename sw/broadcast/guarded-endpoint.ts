import type { Endpoint } from 'comlink';
import { isCloseMessage, workerMethods } from '../protocol/api.ts';

const maxDepth = 100;

export interface GuardedEndpointOptions {
  /** A call passed the guard and goes to Comlink. */
  readonly onCall: (id: string) => void;
  /** Comlink posted a call's answer. */
  readonly onReply: (id: string) => void;
  /** The page's last word. */
  readonly onClose: () => void;
}

/**
 * What Comlink sees of a port. Comlink 4.4.2 follows any path and sets any property, `__proto__` included, and never
 * answers a type that it does not know. So only calls of one of our methods, with plain data as arguments, reach it; what
 * looks like another request of its protocol is answered with an error, the rest is ignored.
 */
export function guardEndpoint(port: MessagePort, options: GuardedEndpointOptions): Endpoint {
  let toComlink: ((event: Event) => void) | null = null;

  port.addEventListener('message', (event: MessageEvent<unknown>) => {
    for (const sent of event.ports) sent.close();
    if (isCloseMessage(event.data)) {
      options.onClose();
      return;
    }
    const id = ownText(event.data, 'id');
    if (id === null) return;
    const call = readCall(event.data);
    if (call === null || event.ports.length > 0) {
      port.postMessage(refusal(id));
      return;
    }
    options.onCall(id);
    toComlink?.(new MessageEvent('message', { data: { id, type: 'APPLY', ...call } }));
  });

  return {
    addEventListener(_type, listener) {
      toComlink = (event) => {
        if (typeof listener === 'function') listener(event);
        else listener.handleEvent(event);
      };
    },
    removeEventListener() {
      toComlink = null;
    },
    postMessage(message: unknown, transfer?: Transferable[]) {
      port.postMessage(message, transfer ?? []);
      const id = ownText(message, 'id');
      if (id !== null) options.onReply(id);
    },
    start() {
      port.start();
    },
  };
}

interface Call {
  readonly path: readonly [string];
  readonly argumentList: readonly { readonly type: 'RAW'; readonly value: unknown }[];
}

function readCall(message: unknown): Call | null {
  if (ownText(message, 'type') !== 'APPLY') return null;
  const path = ownValue(message, 'path');
  const sent = ownValue(message, 'argumentList');
  if (!Array.isArray(path) || path.length !== 1 || !Array.isArray(sent) || sent.length > 8) return null;
  const method = workerMethods.find((name) => name === path[0]);
  if (method === undefined) return null;
  const argumentList: { type: 'RAW'; value: unknown }[] = [];
  for (const argument of sent) {
    const value = ownValue(argument, 'value');
    if (ownText(argument, 'type') !== 'RAW' || !isPlain(value, 0)) return null;
    argumentList.push({ type: 'RAW', value });
  }
  return { path: [method], argumentList };
}

/** Data without behaviour and without a `__proto__` that a careless copy would follow. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > maxDepth) return false;
  if (value instanceof Date) return true;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.hasOwn(value, '__proto__')) return false;
  return Object.values(value).every((item) => isPlain(item, depth + 1));
}

function ownValue(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null) return undefined;
  return Object.getOwnPropertyDescriptor(holder, name)?.value;
}

function ownText(holder: unknown, name: string): string | null {
  const value = ownValue(holder, name);
  return typeof value === 'string' ? value : null;
}

/** An error as Comlink puts it on the wire. */
function refusal(id: string): object {
  const value = { name: 'TypeError', message: 'Only methods of the synchronization worker can be called.', stack: '' };
  return { id, type: 'HANDLER', name: 'throw', value: { isError: true, value } };
}
