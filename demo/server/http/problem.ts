import type { JsonObject } from '../../../sw/protocol/record.ts';
import { protocolVersion } from '../../../sw/protocol/wire.ts';

/** Thrown by whatever answers a request; becomes the problem+json answer. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly extra: JsonObject;

  constructor(status: number, code: string, detail: string, extra: JsonObject = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }
}

export function otherProtocol(): ProblemError {
  const detail = `This server speaks version ${protocolVersion} of the protocol. Update the app.`;
  return new ProblemError(400, 'protocol-version', detail, { supported: [protocolVersion] });
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Sign in first',
  403: 'Forbidden',
  404: 'Not found',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition failed',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Not acceptable as it is',
  500: 'Server error',
  503: 'Not available now',
};

export function problemResponse({ status, code, message, extra }: ProblemError): Response {
  const title = titles[status] ?? 'Error';
  return new Response(JSON.stringify({ type: 'about:blank', title, status, code, detail: message, ...extra }), {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
      ...(status === 503 ? { 'Retry-After': '1' } : {}),
    },
  });
}
