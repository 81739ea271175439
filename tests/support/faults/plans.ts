import type { Cut } from './held-answer.ts';
import type { Passage, Plan } from './passage.ts';

/** Something that befalls a request. */
export type Fault = (passage: Passage) => Promise<void>;

/** The server applies the request; its answer is lost, and the client sees the connection close. */
export const loseAnswer: Fault = async (passage) => {
  await (await passage.forward()).swallow();
  passage.drop();
};

/** The connection closes, and the server never heard of the request. */
export const drop: Fault = (passage) => {
  passage.drop();
  return Promise.resolve();
};

/** The server gets the same request twice, as from a proxy that repeats; its second answer is passed on. */
export const repeat: Fault = async (passage) => {
  await passage.body();
  await (await passage.forward()).swallow();
  (await passage.forward()).pass();
};

/** A problem of the server's own, without a look at the request. */
export function refuseWith(status: number, headers: Readonly<Record<string, string>> = {}, code = 'not-now'): Fault {
  return async (passage) => {
    await passage.body();
    const problem = JSON.stringify({ type: 'about:blank', title: 'Not now', status, code, detail: 'Not now.' });
    passage.answer(status, { 'Content-Type': 'application/problem+json', ...headers }, problem);
  };
}

/** The server is asked after some milliseconds. */
export function delayed(ms: () => number): Fault {
  return async (passage) => {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, ms());
    });
    (await passage.forward()).pass();
  };
}

/** The server applies the request, and then fails to say so. */
export function failAfter(status: number): Fault {
  return async (passage) => {
    await (await passage.forward()).swallow();
    passage.answer(status, { 'Content-Type': 'text/plain' }, 'The server failed.');
  };
}

/** Whatever was asked, with the given status and type. */
export function answerWith(status: number, type: string, body: string, headers: Record<string, string> = {}): Fault {
  return async (passage) => {
    await passage.body();
    passage.answer(status, { 'Content-Type': type, ...headers }, body);
  };
}

const loginPage = '<!doctype html><title>Sign in to the network</title><form method="post"></form>';

/** A captive portal: a page with status 200 for whatever was asked. */
export const captivePortal: Fault = answerWith(200, 'text/html; charset=utf-8', loginPage);

/** A proxy that sends everyone to its login page. */
export const redirectToLogin: Fault = answerWith(302, 'text/html', '', { Location: '/login' });

/** A body that is not whole, in one of the ways in which bodies come to their end. */
export function cutAt(cut: Cut, share: number): Fault {
  return async (passage) => (await passage.forward()).passPart(cut, share);
}

/** The server is asked only once the fault is released; what comes later then passes at once. */
export function untilReleased(): { readonly fault: Fault; readonly release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const fault: Fault = async (passage) => {
    await released;
    (await passage.forward()).pass();
  };
  return { fault, release: () => release() };
}

/** A plan for the requests of some paths. */
export function on(paths: string | readonly string[], fault: Fault): Plan {
  const list: readonly string[] = typeof paths === 'string' ? [paths] : paths;
  return (passage) => (list.includes(passage.path) ? fault(passage) : undefined);
}

/** The fault befalls only the n-th request (from 1) of a path. */
export function onNth(path: string, nth: number, fault: Fault): Plan {
  let count = 0;
  return (passage) => {
    if (passage.path !== path) return undefined;
    count += 1;
    return count === nth ? fault(passage) : undefined;
  };
}

/** The first plan that has something to do with a request does it. */
export function firstOf(...plans: readonly Plan[]): Plan {
  return (passage) => {
    for (const plan of plans) {
      const planned = plan(passage);
      if (planned !== undefined) return planned;
    }
    return undefined;
  };
}

/** The server's own news would begin runs between those of a case. */
export const withoutNews: Plan = on('/sync/live', refuseWith(503));

/** The worker's script as the server at that address has it, altered. */
export function withScript(server: string, alter: (script: string) => string): Plan {
  return (passage) => {
    if (passage.path !== '/sw.js') return undefined;
    return fetch(`${server}/sw.js`)
      .then((answer) => answer.text())
      .then((script) =>
        passage.answer(200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'no-store' }, alter(script)),
      );
  };
}
