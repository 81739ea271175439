import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerMethods } from '../../sw/protocol/api.ts';
import { noNetwork, openDevice, valueOf, visit } from './engine-page.ts';
import { ask } from './page-requests.ts';
import { asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

/** Takes what is unsent on one device to another, as if they were the same app's. */
async function carry(from: WorkerMethods, to: WorkerMethods): Promise<void> {
  const own = asObject(asJson(await valueOf(from.exportUnsent())));
  const { app = null } = asObject(asJson(await valueOf(to.exportUnsent())));
  await valueOf(to.importUnsent(JSON.stringify({ ...own, app })));
}

describe('What is imported of a record that has the server’s key here by now (I-2)', () => {
  it('goes by that key: a change and a command', async () => {
    const field = await openDevice(fixture);
    const office = await openDevice(fixture);
    field.device.network = noNetwork;
    const visitId = randomUUID();
    await ask(field.session, 'POST', '/api/visits', visit(visitId));
    const { record } = await ask(field.session, 'POST', '/api/tasks', { title: 'Call', visitId });
    const old = Number(record['id']);
    await carry(field.page, office.page);
    await office.session.engine.synchronize('first', {});
    expect((await ask(field.session, 'POST', `/api/tasks/${old}/complete`, { task: old })).status).toBe(202);
    await ask(field.session, 'PATCH', `/api/tasks/${old}`, { title: 'Called' });
    await carry(field.page, office.page);
    const commands = await office.session.database.read(['commands'], (tx) => tx.objectStore('commands').getAll());
    const { record: task } = await ask(office.session, 'GET', `/api/tasks/${old}`);
    const key = Number(task['id']);
    expect(key).toBeGreaterThan(0);
    const path = `/api/tasks/${key}/complete`;
    expect(commands).toMatchObject([{ path, body: { task: key }, names: [{ table: 'tasks', key }] }]);
    expect(task).toMatchObject({ title: 'Called' });
  });
});
