import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../sw/store/schema.ts';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const tables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id', direction: 'local' },
  lines: { path: '/api/lines', key: 'id', references: { visitId: 'visits' } },
};

describe('What names a record of a table that is never sent', () => {
  it('does not wait for it for good: the server says what it lacks (C-04, N-2)', async () => {
    const { session, page } = await openDevice(fixture, tables);
    const [visitId, id] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/visits', visit(visitId));
    await ask(session, 'POST', '/api/lines', { id, visitId, productCode: 1, quantity: 1, price: 1 });
    await ask(session, 'POST', `/api/visits/${visitId}/close`, {});
    await session.engine.synchronize('one', { mode: 'unsynchronized', onPartial: 'return' });
    expect((await see(session, 'lines', id)).detail).toBe('rejected');
    const failures = await valueOf(page.failures({}));
    expect(failures.map(({ operation, code }) => [operation, code]).sort()).toEqual([
      ['command', 'gone'],
      ['create', 'dangling'],
    ]);
    expect(await valueOf(page.pending())).toMatchObject({ sendable: 0 });
  });
});
