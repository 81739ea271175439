import { SyncError, type ErrorCode } from '../protocol/errors.ts';
import { type StatusDetail, statusOfDetail } from '../protocol/status.ts';

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  'auth-required': 401,
  'encryption-key': 423,
  exists: 409,
  filter: 400,
  'invalid-body': 400,
  'invalid-key': 422,
  'invalid-request': 400,
  'not-found': 404,
  quota: 507,
  referenced: 409,
  'request-changed': 422,
  'too-large': 413,
  unsupported: 405,
  'user-changed': 409,
};

/** An error as problem+json (RFC 9457) with our `code`. What failed by itself is 503, so that callers try again. */
export function problem(error: SyncError, status: number = statuses[error.code] ?? 503): Response {
  const { code, message, details } = error;
  const body = { ...details, type: `urn:holdfast:${code}`, title: code, status, code, detail: message };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Sync-Source': 'local' },
  });
}

export function problemOf(error: unknown): Response {
  if (error instanceof SyncError) return problem(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return problem(
    new SyncError('storage', `The request failed in the worker (${message}). Nothing was stored.`, { cause: error }),
  );
}

export function statusHeaders(detail: StatusDetail): Record<string, string> {
  return { 'Sync-Status': statusOfDetail(detail).status, 'Sync-Detail': detail, 'Sync-Source': 'local' };
}

/** How old the copy is, in whole seconds. */
export function ageHeader(downloadedAt: number, now: number): Record<string, string> {
  return downloadedAt === 0 ? {} : { Age: String(Math.max(0, Math.round((now - downloadedAt) / 1000))) };
}
