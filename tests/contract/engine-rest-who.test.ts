import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import { isJsonObject } from '../../sw/protocol/record.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { Device, see } from './engine-fixture.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** A device of an API that says by itself nothing of whose the credentials are. */
async function openAs(
  answer: () => Response,
): Promise<{ device: Device; session: OpenSession; asked: string[]; id: string }> {
  const device = new Device(fixture);
  const asked: string[] = [];
  device.network = async (path, forward, headers, method) => {
    headers.delete('Sync-Expect-User');
    asked.push(`${method} ${path}`);
    if (path === '/me') return answer();
    const response = await forward();
    const plain = new Headers(response.headers);
    plain.delete('Sync-User');
    return new Response(response.body, { status: response.status, headers: plain });
  };
  const userOf = (me: unknown): string | null =>
    isJsonObject(me) && typeof me['name'] === 'string' ? me['name'] : null;
  const backend = restBackend({ whoAmI: { url: '/me', userOf } });
  const tables = { visits: { path: '/api/visits', key: 'id' } };
  const session = await device.startWorker({ backend, schema: { version: 1, tables } }).signIn('ana');
  const id = randomUUID();
  await ask(session, 'POST', '/api/visits', { id, note: 'a visit' });
  asked.length = 0;
  return { device, session, asked, id };
}

describe('A REST backend that asks whose the credentials are (invariant 12)', () => {
  it('sends and reads under the right user, asking once for each batch and download', async () => {
    const { session, asked, id } = await openAs(() => Response.json({ name: 'ana' }));
    expect(await session.engine.synchronize('one', {})).toMatchObject({ outcome: 'finished', uploaded: 1 });
    expect((await fixture.fetch(`/api/visits/${id}`)).status).toBe(200);
    expect(asked.filter((request) => request === 'GET /me')).toHaveLength(2);
    expect(asked[0]).toBe('GET /me');
  });

  it('sends, stores and clears nothing under another one', async () => {
    const { session, asked, id, device } = await openAs(() => Response.json({ name: 'ben' }));
    await expect(session.engine.synchronize('one', {})).rejects.toMatchObject({ code: 'user-mismatch' });
    expect(asked).toEqual(['GET /me']);
    expect(await see(session, 'visits', id)).toMatchObject({ detail: 'in-flight', record: { note: 'a visit' } });
    expect(device.events.map((event) => event.type)).toContain('auth-required');
  });

  it('sends nothing where it cannot be found out', async () => {
    const { session, asked } = await openAs(() => new Response('<html>', { headers: { 'Content-Type': 'text/html' } }));
    await expect(session.engine.synchronize('one', {})).rejects.toMatchObject({ code: 'not-our-server' });
    expect(asked).toEqual(['GET /me']);
  });

  it('is refused with a wrong option', () => {
    // @ts-expect-error -- a worker's script may be JavaScript
    expect(() => restBackend({ whoAmI: '/me' })).toThrow(/whoAmI/);
  });
});
