/** What a page evaluates to have everything synchronized: how the run ended, or the code of why it could not. */
export const settled =
  "holdfast.synchronize({ onBusy: 'queue' }).then((result) => result.outcome, (error) => error.code)";

/** What a page evaluates to count the rows of these stores of ana's database together. */
export function rowsIn(...stores: readonly string[]): string {
  return `new Promise((resolve, reject) => {
    const opening = indexedDB.open('holdfast:rounds:ana');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const tx = database.transaction(${JSON.stringify(stores)});
      const counts = [...tx.objectStoreNames].map((store) => tx.objectStore(store).count());
      tx.oncomplete = () => {
        database.close();
        resolve(counts.reduce((sum, { result }) => sum + result, 0));
      };
      tx.onabort = () => reject(tx.error);
    };
  })`;
}
