import type { SweptDevice } from '../sweep/device.ts';

/** Reads the row of a table's head in the page, past the library; `change` gives what becomes of it. */
function withHead(device: SweptDevice, table: string, change: string): Promise<string | null> {
  return device.page.evaluate<string | null>(`new Promise((resolve, reject) => {
    const opening = indexedDB.open('holdfast:judged:${device.user}');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const tx = database.transaction('heads', 'readwrite');
      const heads = tx.objectStore('heads');
      const asked = heads.get(${JSON.stringify(table)});
      asked.onsuccess = () => {
        const head = asked.result;
        ${change}
      };
      tx.onabort = () => reject(tx.error);
      tx.oncomplete = () => {
        database.close();
        resolve(asked.result.cursor);
      };
    };
  })`);
}

/** Up to where the device has the server's changes of a table. */
export function cursorOf(device: SweptDevice, table: string): Promise<string | null> {
  return withHead(device, table, '');
}

export async function setCursor(device: SweptDevice, table: string, cursor: string | null): Promise<void> {
  await withHead(device, table, `heads.put({ ...head, cursor: ${JSON.stringify(cursor)} });`);
}
