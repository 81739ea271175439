import { forgetRequests, repeatWindowMs, unheardRequests } from '../store/requests.ts';
import type { Session } from './session.ts';

/**
 * Tells all tabs of writes that are stored, and whose answers an earlier worker did not hand over before it was stopped (SPEC Q-5).
 * While the browser may still give the request to this one, it waits; a worker that is stopped meanwhile leaves it to the next.
 */
export async function tellUnheard(session: Session): Promise<void> {
  const { database, environment, signal } = session;
  for (;;) {
    const rows = await database.read(['requests', 'meta'], (tx) => unheardRequests(tx, environment.incarnation));
    const now = environment.now();
    const due = rows.filter(({ at }) => Math.abs(now - at) >= repeatWindowMs);
    for (const { table, key } of due) session.announce({ type: 'unknown-outcome', table, key });
    // Told before it is forgotten: a hint may come twice.
    if (due.length > 0)
      await database.write(['requests', 'meta'], (tx) => forgetRequests(tx, due), { durability: 'relaxed' });
    if (rows.length === due.length) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, repeatWindowMs);
    });
    if (signal.aborted) return;
  }
}
