import { channelName } from '../protocol/api.ts';
import type { EventEnvelope, SyncEvent } from '../protocol/events.ts';
import { MergedChanges, type ChangedEvent } from './merge-changes.ts';
import { createProgressThrottle } from './progress-throttle.ts';
import { setPlatformTimer, type SetTimer } from './timer.ts';

export const mergeDelayMs = 30;

export interface BroadcastOptions {
  /** `startSync`'s name. */
  readonly name: string;
  /** Milliseconds; any origin. */
  readonly now: () => number;
  /** @default setTimeout */
  readonly setTimer?: SetTimer;
}

/** Tells events to all tabs. Whatever waits here may be lost with the worker: events are hints. */
export interface Broadcast {
  post(user: string | null, event: SyncEvent): void;
  /** Sends what waits, then ends. A later `post` does nothing. */
  close(): void;
}

/**
 * Posts events on the one channel of a name. Progress is told at most ten times a second, `changed` events of a source
 * are merged for 30 ms; the others go at once. A run's begin and end do not overtake what waits.
 */
export function createBroadcast({ name, now, setTimer = setPlatformTimer }: BroadcastOptions): Broadcast {
  const channel = new BroadcastChannel(channelName(name));
  const changes = new Map<ChangedEvent['source'], MergedChanges>();
  let stopTimer: (() => void) | null = null;
  let user: string | null = null;
  let closed = false;

  function send(event: SyncEvent): void {
    const envelope: EventEnvelope = { holdfast: 1, user, event };
    channel.postMessage(envelope);
  }

  const progress = createProgressThrottle({
    now,
    setTimer,
    send: (latest) => {
      send({ type: 'progress', progress: latest });
    },
  });

  function sendChanges(): void {
    stopTimer?.();
    stopTimer = null;
    const merged = [...changes.values()];
    changes.clear();
    for (const each of merged) send(each.toEvent());
  }

  function flush(): void {
    progress.flush();
    sendChanges();
  }

  function addChange(event: ChangedEvent): void {
    const merged = changes.get(event.source) ?? new MergedChanges(event.source);
    changes.set(event.source, merged);
    merged.add(event);
    stopTimer ??= setTimer(sendChanges, mergeDelayMs);
  }

  return {
    post(eventUser, event) {
      if (closed) return;
      // What waits belongs to the user before.
      if (eventUser !== user) flush();
      user = eventUser;
      switch (event.type) {
        case 'progress':
          progress.add(event.progress);
          break;
        case 'changed':
          addChange(event);
          break;
        case 'started':
        case 'finished':
          flush();
          send(event);
          break;
        default:
          send(event);
      }
    },
    close() {
      if (closed) return;
      flush();
      closed = true;
      channel.close();
    },
  };
}
