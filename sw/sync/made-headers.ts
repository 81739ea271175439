import { SyncError } from '../protocol/errors.ts';
import type { Headers } from './credentials.ts';

export type HeadersFunction = (attempt: { readonly user: string; readonly url: string }) => Headers | Promise<Headers>;

/** The app's function may have to fetch a token, which fails as any request does: that is no fault of this device's database. */
export async function madeBy(headers: HeadersFunction, attempt: Parameters<HeadersFunction>[0]): Promise<Headers> {
  try {
    return await headers(attempt);
  } catch (error) {
    if (error instanceof SyncError) throw error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new SyncError(
      'no-credentials',
      `The app’s headers() failed (${what}). What is unsent is kept; it is tried again.`,
      {
        cause: error,
        retryable: true,
      },
    );
  }
}
