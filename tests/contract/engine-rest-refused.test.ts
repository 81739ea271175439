import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { see } from './engine-fixture.ts';
import { ask } from './page-requests.ts';
import { openPlain, runOnce } from './plain-rest.ts';
import { json } from './rest-fixture.ts';
import { Fixture } from './server-fixture.ts';

describe('What a plain REST server does not take', () => {
  const fixture = new Fixture('embedded');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  it('keeps no download back, however often it fails (invariant 9)', async () => {
    const opened = await openPlain(fixture);
    const { server, session } = opened;
    const paths = Array.from({ length: 7 }, (_, index) => `/api/visits/v${index}`);
    for (const path of paths) server.put(path, { id: path.slice(-2), note: 'a' });
    await runOnce(opened);
    for (const path of paths) await ask(session, 'PATCH', path, { note: 'bad' });
    server.put('/api/visits/other', { id: 'other', note: 'of another' });
    server.instead = ({ body }) => (body['note'] === 'bad' ? json({}, 500) : null);
    expect(await runOnce(opened)).toBe('failed');
    expect(await see(session, 'visits', 'other')).toMatchObject({ record: { note: 'of another' } });
    expect(await see(session, 'visits', 'v6')).toMatchObject({ detail: 'pending', record: { note: 'bad' } });
  });
});
