import type { Plan } from '../../support/faults/passage.ts';
import { on } from '../../support/faults/plans.ts';

const framing = new Set([
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'connection',
  'keep-alive',
  'host',
]);

/** Passes downloads on, and tells what the server answered. */
export function hearDownloads(serverUrl: string, hear: (text: string) => void): Plan {
  return on('/sync/download', async (passage) => {
    const body = await passage.body();
    const headers = Object.entries(passage.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && !framing.has(name) ? [[name, value]] : [],
    );
    const answer = await fetch(serverUrl + passage.path, { method: passage.method, headers, body });
    const text = await answer.text();
    hear(text);
    const kept = [...answer.headers].filter(([name]) => !framing.has(name));
    passage.answer(answer.status, Object.fromEntries(kept), text);
  });
}
