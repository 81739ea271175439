function ownStream({ body }: Partial<Pick<Request, 'body'>>): ReadableStream<Uint8Array> | null | undefined {
  return body;
}

/**
 * A request's body as it comes; null: it has none. Firefox gives no stream of it (https://bugzilla.mozilla.org/show_bug.cgi?id=1387483):
 * there it is read as a blob, which the browser keeps outside the worker's memory.
 */
export async function bodyStream(request: Request): Promise<ReadableStream<Uint8Array> | null> {
  const stream = ownStream(request);
  return stream === undefined ? (await request.blob()).stream() : stream;
}
