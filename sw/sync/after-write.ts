import type { OpenSession } from './sessions.ts';
import { tellPending } from './state.ts';

/** The tag under which a Background Sync is asked for. */
export function syncTag(name: string): string {
  return `holdfast:${name}`;
}

/**
 * What follows a stored write: the tabs hear of it, the browser is asked for a Background Sync, and a run is asked for. It
 * belongs into the `waitUntil` of the event that wrote; killed anywhere, the write is there for the next trigger.
 */
export async function afterWrite(session: OpenSession): Promise<void> {
  await Promise.allSettled([
    tellPending(session),
    session.environment.registerSync(syncTag(session.database.name)),
    session.engine.requestRun('write'),
  ]);
}
