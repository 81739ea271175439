import { ours } from './measure.ts';
import type { Subject } from './subject.ts';

/** Writes `n` records while the server takes nothing, then measures how long it takes until it has all of them. */
export async function upload(subject: Subject, n: number, settings = ''): Promise<number> {
  const { state } = subject.server;
  const { delayMs } = state;
  state.loadItems(0);
  state.delayMs = 0;
  state.isHeld = true;
  await subject.open(settings);
  if (subject.name.startsWith(ours)) await subject.call('loseServer');
  await subject.call('prepare', n);
  if (subject.name.startsWith(ours)) await subject.call('settled');
  state.isHeld = false;
  state.delayMs = delayMs;
  const [seconds = Number.NaN] = await subject.call('upload');
  const arrived = state.effects.size;
  if (arrived !== n) throw new Error(`${arrived} of ${n} changes arrived.`);
  return seconds;
}
