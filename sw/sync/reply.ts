import type { Reply } from '../protocol/api.ts';
import { toPlainError } from '../protocol/errors.ts';

/** A call's outcome as it crosses a port. */
export async function reply<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toPlainError(error) };
  }
}
