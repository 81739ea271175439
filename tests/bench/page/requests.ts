import { newItem } from './items.ts';
import { check, timeEach } from './time.ts';

/** Registers a worker and waits until it answers this page's requests. */
export async function control(script: string): Promise<void> {
  await navigator.serviceWorker.register(script);
  await navigator.serviceWorker.ready;
  while (navigator.serviceWorker.controller === null) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    });
  }
}

export async function post(path: string, record: object): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(record), headers });
  await answer.text();
  check(answer.status === 201, `a write was answered ${answer.status}`);
}

/** One write after the other, each until it was answered. */
export function postEach(path: string, count: number, start = 0): Promise<number[]> {
  return timeEach(count, (index) => post(path, newItem(start + index)));
}

export async function getText(path: string): Promise<string> {
  const answer = await fetch(path);
  check(answer.ok, `${path} was answered ${answer.status}`);
  return answer.text();
}

/** Many writes at once: for a workload that begins when they are stored. */
export async function postMany(path: string, count: number): Promise<number> {
  for (let index = 0; index < count; index += 50) {
    const length = Math.min(50, count - index);
    await Promise.all(Array.from({ length }, (_, offset) => post(path, newItem(index + offset))));
  }
  return count;
}
