import type { SweptDevice } from '../sweep/device.ts';
import { workerOf } from './stand.ts';

/** From here on the clock of the device is off by so much, in its page and in its worker. */
export async function setClock({ page }: SweptDevice, offMs: number): Promise<void> {
  const script = `(() => {
    const TrueDate = (globalThis.TrueDate ??= Date);
    globalThis.Date = class extends TrueDate {
      constructor(...given) {
        super(...(given.length === 0 ? [TrueDate.now() + ${offMs}] : given));
      }
      static now() {
        return TrueDate.now() + ${offMs};
      }
    };
    return null;
  })()`;
  await page.evaluate(script);
  await workerOf(page).evaluate(script);
}
