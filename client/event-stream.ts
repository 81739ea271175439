/**
 * Calls `onEvent` with the name of each server-sent event that a body carries, and resolves when the body ends. What the
 * events say is not looked at.
 */
export async function readEventNames(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onEvent: (name: string) => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let name = 'message';
  let hasData = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (hasData) onEvent(name);
        name = 'message';
        hasData = false;
      } else if (line.startsWith('event:')) name = line.slice(6).trim();
      else if (line.startsWith('data')) hasData = true;
    }
  }
}
