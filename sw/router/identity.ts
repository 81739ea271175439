import type { RequestIdentity } from '../store/requests.ts';

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What a page's write is known by, should the browser send it again (SPEC ). */
export async function identify(
  request: Request,
  body: string,
  context: { readonly client: string; readonly incarnation: string; readonly dispatch: string },
): Promise<RequestIdentity> {
  const { incarnation, dispatch } = context;
  const bodyHash = await digest(`${request.method} ${request.url}\n${body}`);
  const key = request.headers.get('Idempotency-Key');
  if (key !== null) return { hash: key, explicit: true, bodyHash, dispatch, incarnation };
  return { hash: `${context.client}:${bodyHash}`, explicit: false, bodyHash, dispatch, incarnation };
}
