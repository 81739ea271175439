import type { Reply, WorkerMethods } from '../../../sw/protocol/api.ts';
import { isJsonObject, type JsonObject } from '../../../sw/protocol/record.ts';
import type { Chronicle } from './chronicle.ts';
import type { User } from './commands.ts';
import { UnheardError, type Device, type PageAnswer, type PageRequest } from './device.ts';
import type { SignIns } from './sign-ins.ts';

/** A page of a device. */
export interface Page {
  readonly device: Device;
  readonly id: string;
}

/** How pages ask their workers, and what is wrong with any answer (O6). */
export class PageLink {
  readonly #chronicle: Chronicle;
  readonly #signIns: SignIns;

  constructor(chronicle: Chronicle, signIns: SignIns) {
    this.#chronicle = chronicle;
    this.#signIns = signIns;
  }

  /** Resolves with null if it was refused, or the worker died. */
  call<T>(
    { device, id }: Page,
    name: string,
    call: (methods: WorkerMethods) => Promise<Reply<T>>,
    onRefused: (code: string) => void = () => undefined,
  ): Promise<T | null> {
    const user = this.#signIns.userOf(device, id);
    return device.call(id, name, call).then(
      (reply) => {
        if (reply.ok) {
          if (user !== null) this.#signIns.bind(id, user);
          return reply.value;
        }
        if (reply.error.message === '') this.#chronicle.complain('O6', `${name} failed without a message`);
        onRefused(reply.error.code);
        return null;
      },
      (error: unknown) => {
        if (!(error instanceof UnheardError)) this.#chronicle.complain('O6', `${name} threw ${String(error)}`);
        return null;
      },
    );
  }

  /** A request under a known user; where it cannot be known who it would be, none is made. */
  fetch(
    { device, id }: Page,
    request: PageRequest,
    onAnswer: (answer: PageAnswer, user: User) => void,
    onUnheard: (user: User) => void = () => undefined,
  ): void {
    const user = this.#signIns.userOf(device, id);
    if (user === null) return;
    device.fetch(id, request).then(
      (answer) => {
        if (answer.status < 400) this.#signIns.bind(id, user);
        else if (
          answer.headers.get('Sync-Source') === 'local' &&
          objectOf(parsedText(answer.text))?.['code'] === undefined
        )
          this.#chronicle.complain(
            'O6',
            `${request.method} ${request.path} was answered ${answer.status} without a code`,
          );
        onAnswer(answer, user);
      },
      (error: unknown) => {
        // A read that was passed on to the network can break off there.
        const isCut = request.method === 'GET' && error instanceof TypeError && error.message === 'network error';
        if (error instanceof UnheardError) onUnheard(user);
        else if (!isCut) this.#chronicle.complain('O6', `${request.path} threw ${String(error)}`);
      },
    );
  }
}

export function objectOf(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

/** Undefined for what is no JSON: a body from the network that was cut. */
export function parsedText(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
