import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { hostileDownloads } from '../support/faults/hostile-downloads.ts';
import { Device, see } from './engine-fixture.ts';
import { ask } from './page-requests.ts';
import { Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** A fault of the network, or of who answered: it is tried again. */
const fault: unknown = expect.stringMatching(/^(network|not-our-server)$/);

async function shown(session: OpenSession): Promise<unknown> {
  const places = await ask(session, 'GET', '/api/places?limit=5');
  return [places.text, places.headers.get('X-Total-Count'), await see(session, 'products', 1)];
}

describe('a server, or whoever answers in its place,', () => {
  it.each(hostileDownloads)('that sends %s changes nothing of what is here (D-03, D-05)', async (_what, lines) => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    await session.engine.synchronize('first', {});
    const before = await shown(session);
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/download') return answer;
      const [start = ''] = (await answer.text()).split('\n');
      const body = [start, ...lines, '{"type":"finish"}', ''].join('\n');
      return new Response(body, { status: answer.status, headers: answer.headers });
    };
    const run = session.engine.synchronize('second', { full: true });
    await expect(run).rejects.toMatchObject({ code: fault });
    expect(await shown(session)).toEqual(before);
    expect(Object.prototype).not.toHaveProperty('id');
    device.network = (_path, forward) => forward();
    expect(await session.engine.synchronize('third', { full: true })).toMatchObject({ outcome: 'finished' });
  });

  it('that sends a line without end is given up before it fills the memory', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    let sent = 0;
    const piece = new TextEncoder().encode('x'.repeat(4_000_000));
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/download') return answer;
      const [start = ''] = (await answer.text()).split('\n');
      const head = new TextEncoder().encode(`${start}\n`);
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(sent === 0 ? head : piece);
          sent += 1;
        },
      });
      return new Response(body, { status: answer.status, headers: answer.headers });
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: 'network' });
    expect(sent).toBeLessThan(40);
  });

  it('that names __proto__ in what it says of an upload changes no prototype, and acknowledges nothing', async () => {
    const device = new Device(fixture);
    const session = await device.startWorker().signIn('ana');
    expect((await ask(session, 'PUT', '/api/visits/v-proto', { date: '2026-03-01', note: 'kept' })).status).toBe(201);
    device.network = async (path, forward) => {
      const answer = await forward();
      if (path !== '/sync/upload') return answer;
      const text = (await answer.text()).replaceAll('"outcomes"', '"__proto__"');
      return new Response(text, { status: answer.status, headers: answer.headers });
    };
    await expect(session.engine.synchronize('call', {})).rejects.toMatchObject({ code: fault });
    expect((await see(session, 'visits', 'v-proto')).record).toMatchObject({ note: 'kept' });
    expect((await see(session, 'visits', 'v-proto')).detail).not.toBe('clean');
  });
});
