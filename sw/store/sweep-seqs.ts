import { leastSeq } from './changes.ts';
import type { Database } from './database.ts';
import { getMeta, setMeta } from './meta.ts';

/** Few enough that nobody waits for them. */
const seqsAtOnce = 500;

/**
 * Has the browser forget what rows that are gone left in the index by `seq`. Chromium takes such entries away one by one, as a
 * transaction that may write comes upon them: after a long upload the next run would keep all others waiting for seconds.
 */
export async function sweepSeqs(database: Database, shouldYield: () => boolean): Promise<void> {
  const [swept = 0, last] = await database.read(['changes', 'meta'], async (tx) => {
    const [from, given = 0, least] = await Promise.all([getMeta(tx, 'seqsSwept'), getMeta(tx, 'seq'), leastSeq(tx)]);
    // What is still there leaves its entry when it goes.
    return [from, Math.min(given, least - 1)] as const;
  });
  for (let from = swept; last - from >= seqsAtOnce && !shouldYield(); from += seqsAtOnce) {
    const through = from + seqsAtOnce;
    await database.write(
      ['changes', 'meta'],
      async (tx) => {
        await tx
          .objectStore('changes')
          .index('seq')
          .getAllKeys(IDBKeyRange.bound(from, through, true));
        await setMeta(tx, 'seqsSwept', through);
      },
      { durability: 'relaxed', isTold: true },
    );
  }
}
