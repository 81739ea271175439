import { outcomeScope, standingOf, type Standing } from '../store/outcomes.ts';
import type { OpenSession } from './sessions.ts';

/**
 * Asks for a run and gives what became of a change or command when that has ended, or after the time: U-13. It must have
 * been stored with `asked`. Where nothing can be sent now, it does not wait.
 */
export async function awaitOutcome(session: OpenSession, seq: number, waitMs: number): Promise<Standing> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeIsUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  try {
    await Promise.race([session.engine.requestRun('write'), timeIsUp]);
  } finally {
    clearTimeout(timer);
  }
  return session.database.read(outcomeScope, (tx) => standingOf(tx, seq));
}
