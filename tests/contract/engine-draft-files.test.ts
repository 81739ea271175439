import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFile } from '../../sw/router/file-route.ts';
import { commitDraft } from '../../sw/sync/drafts.ts';
import { sweepContents } from '../../sw/sync/sweep-contents.ts';
import { see } from './engine-fixture.ts';
import { openDevice, visit } from './engine-page.ts';
import { bytesIn, bytesOf, context, getFile, hashOf, photosOf, referenceOf } from './files-fixture.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

const asDraft = { 'Sync-Draft': 'true' };

describe('A file given to a draft', () => {
  it('is kept with the draft, not sent, and goes with it when that is committed (S-10, X-04)', async () => {
    const { session } = await openDevice(fixture);
    await session.engine.synchronize('one', {});
    const [visitId, id] = [randomUUID(), randomUUID()];
    await ask(session, 'POST', '/api/visits', visit(visitId));
    const made = await ask(session, 'PUT', `/api/photos/${id}`, { id, visitId, caption: 'front' }, asDraft);
    expect(made.status).toBe(201);
    const bytes = bytesOf(300_000, 7);
    const headers = { 'Content-Type': 'image/jpeg', ...asDraft };
    const request = new Request(`https://app.test/api/photos/${id}/content`, { method: 'PUT', body: bytes, headers });
    const { response } = await writeFile(context(session), photosOf(session), id, request);
    expect([response.status, response.headers.get('Sync-Detail')]).toEqual([200, 'draft']);
    expect(await see(session, 'photos', id)).toMatchObject({ record: null });
    await session.engine.synchronize('two', {});
    await sweepContents(session);
    expect((await fixture.fetch(`/api/photos/${id}`)).status).toBe(404);
    expect(await bytesIn(await getFile(session, id, asDraft))).toEqual(bytes);
    await commitDraft(session, photosOf(session), id);
    expect(await referenceOf(session, id)).toMatchObject({ hash: hashOf(bytes) });
    expect(await session.engine.synchronize('three', {})).toMatchObject({ outcome: 'finished', failed: 0 });
    const sent = await fixture.fetch(`/api/photos/${id}/content`);
    expect(new Uint8Array(await sent.arrayBuffer())).toEqual(bytes);
  });
});
