import { connectSync, type SyncClient } from '../../../client/index.ts';
import { post } from '../page/requests.ts';
import { expose } from '../page/subject.ts';
import { check, time } from '../page/time.ts';

const visitsAtOnce = 10;
let products = 1_000_000;

let signedIn: Promise<SyncClient> | undefined;

async function signIn(): Promise<SyncClient> {
  const sync = await connectSync({ worker: '/references-worker.js' });
  await sync.signIn({ user: 'ana' });
  return sync;
}

function client(): Promise<SyncClient> {
  return (signedIn ??= signIn());
}

/** A visit to a new place, where a new product is sold: one record of each table, the parents first. */
async function writeVisit(index: number, note: string): Promise<void> {
  const [placeId, visitId, productCode] = [crypto.randomUUID(), crypto.randomUUID(), (products += 1)];
  await post('/api/places', { id: placeId, name: `Place ${index}`, lat: 47, lng: 8, country: 'CH' });
  await post('/api/products', { Code: productCode, Name: `Product ${index}`, Stock: index });
  await post('/api/visits', { id: visitId, placeId, date: '2026-05-31', note, rating: 3 });
  await post('/api/lines', { id: crypto.randomUUID(), visitId, productCode, quantity: 2, price: 1.5 });
  await post('/api/photos', { id: crypto.randomUUID(), visitId, caption: `Photo ${index}` });
}

expose({
  loseServer: async () => {
    const sync = await client();
    await sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue' }).catch(() => undefined);
    return 0;
  },
  /** The server refuses every so manieth visit, if that is given. */
  prepare: async (changes: number, refusedEvery = 0) => {
    await client();
    const visits = changes / 5;
    for (let first = 0; first < visits; first += visitsAtOnce) {
      const numbers = Array.from({ length: visitsAtOnce }, (_, offset) => first + offset);
      await Promise.all(
        numbers.map((index) =>
          writeVisit(index, refusedEvery > 0 && index % refusedEvery === 1 ? '#reject' : `Visit ${index}`),
        ),
      );
    }
    return visits;
  },
  settled: async () => {
    const sync = await client();
    while (await sync.isSyncing()) await new Promise((resolve) => setTimeout(resolve, 20));
    return (await sync.state()).pending;
  },
  uploadAll: async () => {
    const sync = await client();
    return time(() => sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue', onPartial: 'return' }));
  },
  /** What is kept, and how many failures are named. */
  left: async () => {
    const sync = await client();
    const { pending, failures } = await sync.state();
    return [pending, failures];
  },
  upload: async () => {
    const sync = await client();
    const seconds = await time(() => sync.synchronize({ mode: 'unsynchronized', onBusy: 'queue' }));
    check((await sync.state()).pending === 0, 'something is still pending');
    return seconds;
  },
});
