import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { ReferenceAnswer, ReferenceRequest, ReferenceServer } from '../../support/reference/reference-server.ts';
import type { Random } from './random.ts';

export const requestKinds = ['upload', 'download', 'read', 'settle', 'files', 'other'] as const;
export type RequestKind = (typeof requestKinds)[number];

export const networkFaults = [
  'refuse',
  'hang',
  'lose-answer',
  'apply-then-hang',
  'arrive-late',
  'repeat',
  'cut',
  'cut-quietly',
  'unauthorized',
  'forbidden',
  'other-user',
  'too-many',
  'error-before',
  'error-after',
  'html',
  'redirect',
  'wrong-type',
  'wrong-shape',
  'missing-outcome',
  'empty',
  'too-large',
  'later',
  'fails-at-one',
] as const;
export type NetworkFault = (typeof networkFaults)[number];

interface Upload {
  readonly group?: string;
  readonly changes: readonly { readonly mutationId: string; readonly table: string; readonly key: RecordKey }[];
}

/** What a device has in the network: each waits until the scheduler chooses it. */
interface Travelling {
  readonly device: string;
  readonly kind: RequestKind;
  readonly request: ReferenceRequest;
  /** Null: on its way to the server. */
  answer: (() => Promise<Response>) | null;
  /** Whether anybody waits for the answer still. */
  isWanted: () => boolean;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
}

function kindOf(path: string): RequestKind {
  const name = /^\/sync\/(\w+)/.exec(path)?.[1];
  return requestKinds.find((kind) => kind === name) ?? 'other';
}

function responseOf({ status, headers, body }: ReferenceAnswer): Response {
  return new Response(status === 204 ? null : body, { status, headers });
}

/** The network between the devices and the server. Nothing moves by itself. */
export class Network {
  readonly #server: ReferenceServer;
  readonly #random: Random;
  readonly #faults = new Map<string, NetworkFault[]>();
  readonly #offline = new Set<string>();
  /** Requests that the server gets when their sender has long given up. */
  readonly #late: ReferenceRequest[] = [];
  /** Changes at which the server fails, whatever else is sent with them. */
  readonly #poisoned = new Set<string>();
  #travelling: Travelling[] = [];
  /** Temporary keys of new records of which it was said that they are for later, though the server has them. */
  readonly putOff = new Set<RecordKey>();
  /** How many requests were made by each device. */
  readonly counts = new Map<string, number>();

  constructor(server: ReferenceServer, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  /** The fault waits for the device's next request of that kind. */
  addFault(device: string, kind: RequestKind, fault: NetworkFault): void {
    const id = `${device} ${kind}`;
    this.#faults.set(id, [...(this.#faults.get(id) ?? []), fault]);
  }

  setOnline(device: string, isOnline: boolean): void {
    if (isOnline) this.#offline.delete(device);
    else this.#offline.add(device);
  }

  isOnline(device: string): boolean {
    return !this.#offline.has(device);
  }

  clearFaults(): void {
    this.#faults.clear();
    this.#offline.clear();
    this.#poisoned.clear();
  }

  /**
   * Uploads and downloads of a device that are under way, of the user who has most of them: never more than one. A worker that is being
   * replaced may have asked for one user what is answered when another has signed in at the next one.
   */
  runsOf(device: string): number {
    const counts = new Map<string, number>();
    for (const each of this.#travelling) {
      const isRun = each.kind === 'upload' || each.kind === 'download';
      if (!isRun || each.device !== device || !each.isWanted()) continue;
      const user = new Headers(each.request.headers).get('Sync-Expect-User') ?? '';
      counts.set(user, (counts.get(user) ?? 0) + 1);
    }
    return Math.max(0, ...counts.values());
  }

  fetch(
    device: string,
    request: ReferenceRequest,
    options: { readonly signal: AbortSignal | null; readonly isAlive: () => boolean },
  ): Promise<Response> {
    this.counts.set(device, (this.counts.get(device) ?? 0) + 1);
    const { signal, isAlive } = options;
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const travelling: Travelling = {
        device,
        kind: kindOf(request.path),
        request: { ...request, headers: { ...request.headers, 'X-Device': device } },
        answer: null,
        isWanted: () => isAlive() && !isSettled,
        resolve: (response) => {
          isSettled = true;
          if (isAlive()) resolve(response);
        },
        reject: (error) => {
          isSettled = true;
          if (isAlive()) reject(error instanceof Error ? error : new TypeError(String(error)));
        },
      };
      const abort = (): void => travelling.reject(new DOMException('The request was aborted.', 'AbortError'));
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.#travelling.push(travelling);
    });
  }

  get isMoving(): boolean {
    return this.#travelling.length > 0 || this.#late.length > 0;
  }

  /** Moves one of the requests and answers under way, by the random numbers. False: there is none. */
  step(): boolean {
    const choices = this.#travelling.length + this.#late.length;
    if (choices === 0) return false;
    const choice = this.#random.below(choices);
    const travelling = this.#travelling[choice];
    if (travelling === undefined) {
      const [late] = this.#late.splice(choice - this.#travelling.length, 1);
      if (late !== undefined) this.#server.handle(late);
      return true;
    }
    if (travelling.answer !== null) {
      this.#leave(travelling);
      if (travelling.isWanted()) travelling.answer().then(travelling.resolve, travelling.reject);
      return true;
    }
    this.#arrive(travelling);
    return true;
  }

  #leave(travelling: Travelling): void {
    this.#travelling = this.#travelling.filter((each) => each !== travelling);
  }

  #arrive(travelling: Travelling): void {
    const { device, kind, request } = travelling;
    const faults = this.#faults.get(`${device} ${kind}`) ?? [];
    const fail = (): void => {
      this.#leave(travelling);
      travelling.reject(new TypeError('Failed to fetch'));
    };
    if (this.#offline.has(device)) {
      fail();
      return;
    }
    // A request whose sender is gone may still be on the wire, or not.
    if (!travelling.isWanted()) {
      this.#leave(travelling);
      if (this.#random.next() < 0.5) this.#server.handle(request);
      return;
    }
    const fault = faults.shift();
    if (fault === 'fails-at-one') this.#poison(request);
    const answerWith = (answer: () => Promise<Response>): void => {
      travelling.answer = answer;
    };
    const text = (status: number, body: string, headers: Record<string, string>): void =>
      answerWith(() => Promise.resolve(new Response(body, { status, headers })));
    if (this.#isPoisoned(request)) {
      text(500, 'Internal error', { 'Content-Type': 'text/plain' });
      return;
    }
    switch (fault) {
      case 'fails-at-one':
      case undefined: {
        const answer = this.#server.handle(request);
        answerWith(() => Promise.resolve(responseOf(answer)));
        return;
      }
      case 'refuse':
        fail();
        return;
      case 'hang':
        // Never answered: the stall timer or a stop of the worker ends it.
        this.#leave(travelling);
        return;
      case 'lose-answer':
        this.#server.handle(request);
        fail();
        return;
      case 'apply-then-hang':
        this.#server.handle(request);
        this.#leave(travelling);
        return;
      case 'arrive-late':
        this.#late.push(request);
        fail();
        return;
      case 'repeat': {
        this.#server.handle(request);
        const answer = this.#server.handle(request);
        answerWith(() => Promise.resolve(responseOf(answer)));
        return;
      }
      case 'cut':
      case 'cut-quietly': {
        const answer = this.#server.handle(request);
        answerWith(() => Promise.resolve(this.#cut(answer, fault === 'cut-quietly')));
        return;
      }
      case 'unauthorized':
        text(401, '{"code":"auth-required"}', { 'Content-Type': 'application/problem+json' });
        return;
      case 'forbidden':
        text(403, '{"code":"forbidden"}', { 'Content-Type': 'application/problem+json' });
        return;
      case 'other-user':
        text(409, '{"code":"user-mismatch"}', { 'Content-Type': 'application/problem+json', 'Sync-Protocol': '1' });
        return;
      case 'too-many':
        text(429, '', { 'Retry-After': String(1 + this.#random.below(100)) });
        return;
      case 'error-before':
        text(500, 'Internal error', { 'Content-Type': 'text/plain' });
        return;
      case 'error-after':
        this.#server.handle(request);
        text(503, 'Internal error', { 'Content-Type': 'text/plain' });
        return;
      case 'html':
        text(200, '<html>Sign in to the network</html>', { 'Content-Type': 'text/html' });
        return;
      case 'redirect':
        text(302, '', { Location: 'https://portal.example/login' });
        return;
      case 'wrong-type': {
        const answer = this.#server.handle(request);
        text(answer.status === 204 ? 200 : answer.status, answer.body, {
          ...answer.headers,
          'Content-Type': 'text/plain',
        });
        return;
      }
      case 'wrong-shape':
        text(200, '{"ok":true}', {
          'Content-Type': 'application/json',
          'Sync-Protocol': '1',
          'Sync-User': userOf(request),
        });
        return;
      case 'missing-outcome': {
        const answer = this.#server.handle(request);
        const body = answer.body.replace(/("outcomes":\[)\{[^{}]*(\{[^{}]*\})?[^{}]*\},?/, '$1');
        answerWith(() => Promise.resolve(responseOf({ ...answer, body })));
        return;
      }
      case 'too-large':
      case 'later': {
        const answer = this.#refusePart(request, fault);
        answerWith(() => Promise.resolve(responseOf(answer)));
        return;
      }
      case 'empty':
        text(200, '', { 'Content-Type': 'application/json', 'Sync-Protocol': '1', 'Sync-User': userOf(request) });
        return;
    }
  }

  #poison(request: ReferenceRequest): void {
    if (!isUpload(request)) return;
    const { changes } = uploadOf(request);
    const chosen = changes[this.#random.below(changes.length)];
    if (chosen !== undefined) this.#poisoned.add(chosen.mutationId);
  }

  #isPoisoned(request: ReferenceRequest): boolean {
    if (this.#poisoned.size === 0 || !isUpload(request)) return false;
    return uploadOf(request).changes.some(({ mutationId }) => this.#poisoned.has(mutationId));
  }

  /** Of an upload: refused by a proxy if it can be divided; or one change of it is not taken just now, or its group. */
  #refusePart(request: ReferenceRequest, fault: 'too-large' | 'later'): ReferenceAnswer {
    if (!isUpload(request)) return this.#server.handle(request);
    const { changes, group, ...frame } = uploadOf(request);
    const html = { 'Content-Type': 'text/html' };
    if (fault === 'too-large' && changes.length > 1 && group === undefined)
      return { status: 413, headers: html, body: '<html>413 Request Entity Too Large</html>' };
    const busy = changes[group === undefined ? this.#random.below(changes.length) : 0];
    if (fault === 'too-large' || busy === undefined) return this.#server.handle(request);
    const later = group === undefined ? [busy] : changes;
    for (const { table, key } of later) {
      if (this.#server.keys.made.some((made) => made.table === table && made.temporary === key)) this.putOff.add(key);
    }
    const rest = changes.filter((change) => !later.includes(change));
    const answer = this.#server.handle({ ...request, body: JSON.stringify({ ...frame, changes: rest }) });
    if (answer.status !== 200) return answer;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- as the reference server wrote it
    const said = JSON.parse(answer.body) as { readonly outcomes: readonly object[] };
    const notNow = later.map(({ mutationId }) => ({ type: 'later', mutationId, message: 'Not now.' }));
    return { ...answer, body: JSON.stringify({ ...said, outcomes: [...said.outcomes, ...notNow] }) };
  }

  /** A body that ends too soon: with an error, or looking complete as browsers show it. */
  #cut({ status, headers, body }: ReferenceAnswer, isQuiet: boolean): Response {
    const bytes = new TextEncoder().encode(body.slice(0, this.#random.below(Math.max(1, body.length))));
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (bytes.length > 0) controller.enqueue(bytes);
        if (isQuiet) controller.close();
      },
      pull: (controller) => {
        if (!isQuiet) controller.error(new TypeError('network error'));
      },
    });
    return new Response(status === 204 ? null : stream, { status, headers });
  }
}

function isUpload({ path }: ReferenceRequest): boolean {
  return path.startsWith('/sync/upload');
}

function uploadOf({ body }: ReferenceRequest): Upload {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- as the library wrote it
  return JSON.parse(body) as Upload;
}

function userOf(request: ReferenceRequest): string {
  return request.headers['Sync-Expect-User'] ?? request.headers['sync-expect-user'] ?? '';
}
