import { EncryptionKeyError } from '../protocol/errors.ts';
import type { Sessions } from '../sync/sessions.ts';
import { syncTag } from '../sync/after-write.ts';
import { findObstacle } from '../sync/state.ts';

interface SyncEventLike extends ExtendableEvent {
  readonly tag: string;
}

function isSyncEvent(event: Event): event is SyncEventLike {
  return 'tag' in event && typeof event.tag === 'string' && 'waitUntil' in event;
}

/**
 * Starts a run for a Background Sync. The event fails while something sendable is left, so that the browser tries again;
 * no tag is registered from within it, which would fire at once and for ever.
 */
export function onSync(target: EventTarget, sessions: Sessions): void {
  const run = async (tag: string): Promise<void> => {
    const session = await sessions.current().catch((error: unknown) => {
      // No tab has the key: there is nothing to try again before one is open.
      if (error instanceof EncryptionKeyError) return null;
      throw error;
    });
    if (session === null) return;
    if (tag !== syncTag(session.database.name)) return;
    await session.engine.requestRun('background-sync');
    const obstacle = await findObstacle(session);
    if (obstacle.type === 'offline' || obstacle.type === 'backing-off') {
      throw new Error(`Not everything could be sent: ${obstacle.type}`);
    }
  };
  target.addEventListener('sync', (event) => {
    if (isSyncEvent(event) && event.tag.startsWith('holdfast:')) event.waitUntil(run(event.tag));
  });
}
