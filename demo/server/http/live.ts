import type { Database } from '../database/database.ts';
import { changedChannel, parseAnnouncement } from '../write/announce.ts';

const heartbeatMs = 15_000;
/** Commits that follow one another so closely are told as one. */
const coalesceMs = 50;

export interface LiveFeed {
  /** Calls `hear` with the names of tables in which something that this user reads was changed. */
  subscribe(user: string, hear: (tables: readonly string[]) => void): () => void;
  /** Ends all streams, so that the server can close. */
  readonly closed: AbortSignal;
}

/** Hears the commits of all server processes on the database. */
export async function startLiveFeed(
  database: Database,
  tables: readonly string[],
  closed: AbortSignal,
): Promise<LiveFeed> {
  const subscribers = new Map<(tables: readonly string[]) => void, string>();
  await database.listen(changedChannel, (payload) => {
    const changed = parseAnnouncement(payload);
    for (const [hear, user] of subscribers) {
      const concerned =
        changed === null
          ? tables
          : [...changed].flatMap(([table, owners]) => (owners.has('') || owners.has(user) ? [table] : []));
      if (concerned.length > 0) hear(concerned);
    }
  });
  return {
    closed,
    subscribe(user, hear) {
      subscribers.set(hear, user);
      return () => {
        subscribers.delete(hear);
      };
    },
  };
}

/** Server-sent events: `changed` with `{ tables }`, and a comment now and then that keeps the connection open. */
export function liveResponse(feed: LiveFeed, user: string, gone: AbortSignal): Response {
  const encoder = new TextEncoder();
  const ended = AbortSignal.any([feed.closed, gone]);
  let stop = (): void => undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const waiting = new Set<string>();
      let timer: NodeJS.Timeout | undefined;
      const send = (text: string): void => {
        controller.enqueue(encoder.encode(text));
      };
      const tell = (): void => {
        timer = undefined;
        // A receiver that does not read gets one event for all when it does.
        if ((controller.desiredSize ?? 0) <= 0) {
          timer = setTimeout(tell, coalesceMs);
          return;
        }
        send(`event: changed\ndata: ${JSON.stringify({ tables: [...waiting] })}\n\n`);
        waiting.clear();
      };
      const unsubscribe = feed.subscribe(user, (tables) => {
        for (const table of tables) waiting.add(table);
        timer ??= setTimeout(tell, coalesceMs);
      });
      const heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) send(': alive\n\n');
      }, heartbeatMs);
      let stopped = false;
      stop = () => {
        if (stopped) return;
        stopped = true;
        unsubscribe();
        clearInterval(heartbeat);
        clearTimeout(timer);
      };
      const end = (): void => {
        if (stopped) return;
        stop();
        controller.close();
      };
      if (ended.aborted) end();
      else {
        ended.addEventListener('abort', end, { once: true });
        send('retry: 2000\n: connected\n\n');
      }
    },
    cancel() {
      stop();
    },
  });
  return new Response(stream, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
}
