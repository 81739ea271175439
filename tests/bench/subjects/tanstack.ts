import { createCollection, localOnlyCollectionOptions } from '@tanstack/db';
import { NonRetriableError, startOfflineExecutor, type OnlineDetector } from '@tanstack/offline-transactions';
import { newItem, type Item } from '../page/items.ts';
import { expose } from '../page/subject.ts';
import { check, time } from '../page/time.ts';

/** Offline until the upload is measured. */
class Switch implements OnlineDetector {
  readonly #listeners = new Set<() => void>();
  #isOnline = false;

  turnOn(): void {
    this.#isOnline = true;
    this.notifyOnline();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notifyOnline(): void {
    for (const listener of this.#listeners) listener();
  }

  isOnline(): boolean {
    return this.#isOnline;
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

const online = new Switch();
const items = createCollection(localOnlyCollectionOptions<Item, string>({ id: 'items', getKey: (item) => item.id }));
const executor = startOfflineExecutor({
  collections: { items },
  onlineDetector: online,
  mutationFns: {
    send: async ({ transaction, idempotencyKey }) => {
      for (const { modified } of transaction.mutations) {
        const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey };
        const answer = await fetch('/rest/items', { method: 'POST', body: JSON.stringify(modified), headers });
        if (answer.status >= 400 && answer.status < 500) throw new NonRetriableError(`refused with ${answer.status}`);
        check(answer.ok, `a write was answered ${answer.status}`);
      }
    },
  },
});

async function stored(): Promise<number> {
  return (await executor.peekOutbox()).length;
}

let reported = 0;

function write(index: number): void {
  const transaction = executor.createOfflineTransaction({ mutationFnName: 'send', autoCommit: false });
  transaction.mutate(() => void items.insert(newItem(index)));
  // It settles when the server has answered.
  transaction.commit().catch(() => {
    reported += 1;
  });
}

expose({
  /** Until all are kept: a single one does not say when it is. */
  prepare: async (count: number) => {
    await executor.waitForInit();
    return time(async () => {
      for (let index = 0; index < count; index += 1) write(index);
      while ((await stored()) < count) await new Promise((resolve) => setTimeout(resolve, 100));
    });
  },
  upload: () =>
    time(async () => {
      online.turnOn();
      while (executor.getPendingCount() + executor.getRunningCount() > 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
    }),
  uploadAll: async (most: number) => {
    await executor.waitForInit();
    return time(async () => {
      online.turnOn();
      for (let attempt = 0; attempt < most && (await stored()) > 0; attempt += 1)
        await new Promise((resolve) => setTimeout(resolve, 500));
    });
  },
  settled: async () => [await stored(), reported],
});
