import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { see } from './engine-fixture.ts';
import { openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

describe('A status that is set synchronized by hand', () => {
  it('holds the edit below a delete that it drops (K-S5)', async () => {
    const { session, page } = await openDevice(fixture);
    const id = randomUUID();
    await ask(session, 'PUT', `/api/visits/${id}`, visit(id));
    await session.engine.synchronize('made', {});
    await ask(session, 'PATCH', `/api/visits/${id}`, { note: 'edited' });
    await valueOf(page.exportUnsent());
    await ask(session, 'DELETE', `/api/visits/${id}`);
    await valueOf(page.setStatus('visits', 'synchronized', { id }, { includeDeleted: true }));
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'held', record: { note: 'edited' } });
    expect(await valueOf(page.pending())).toMatchObject({ total: 0, sendable: 0, tables: { visits: { held: 1 } } });
    expect(await session.engine.synchronize('again', {})).toMatchObject({ uploaded: 0 });
  });
});
