import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import { apart, type AnsweredRead, type DeviceState, type Evidence } from '../../support/oracle.ts';
import { fileFaults, withContents, type FileEvidence } from '../../support/oracle-files.ts';
import { keyFaults, withServerKeys } from '../../support/oracle-keys.ts';
import { tableNames, type User } from './commands.ts';
import type { Device } from './device.ts';
import type { Page } from './page-link.ts';
import { readStored } from './stored.ts';
import { untilIdle } from './tasks.ts';
import type { World } from './world.ts';

function pageOf(device: Device): Page {
  return { device, id: device.pages[0] ?? '' };
}

/** Moves everything on until nothing waits, or says that it does not end. */
async function untilQuiet(world: World, what: string): Promise<void> {
  await untilIdle();
  for (let moves = 0; moves < 3_000; moves += 1) {
    const isWaited = world.devices.some((device) => device.open.length > 0);
    // What nobody waits for any more may still have a follow-up in some seconds.
    if (!(await world.move(isWaited ? 60_000 : 5_000)) && !isWaited) return;
  }
  const open = world.devices.flatMap((device) => device.open.map((each) => `${device.name}: ${each}`));
  world.chronicle.complain('O6', `${what} does not end; waiting: ${open.join(', ')}`);
}

/** Signs the user in and synchronizes. */
async function synchronize(world: World, device: Device, user: User): Promise<void> {
  const { chronicle, link } = world;
  world.actions.signIn(pageOf(device), user);
  world.clock.jump(3_700_000);
  await untilQuiet(world, 'a sign-in');
  const options = { mode: 'all', onBusy: 'queue', onPartial: 'return' } as const;
  const call = `quiet-${chronicle.tick()}`;
  void link.call(pageOf(device), 'synchronize', (methods) => methods.synchronize(call, options));
  await untilQuiet(world, 'a synchronization');
}

type State = FileEvidence['devices'][number];

async function stateOf(world: World, device: Device, user: User): Promise<State> {
  const { chronicle, actions, link } = world;
  const page = pageOf(device);
  const records: Record<string, ReadonlyMap<RecordKey, JsonObject>> = {};
  const listed: AnsweredRead[] = [];
  for (const table of tableNames) {
    actions.list(page, table, (read) => {
      listed.push(read);
      chronicle.look(read);
    });
  }
  await untilQuiet(world, 'a list');
  for (const table of tableNames) {
    const own = listed.filter((read) => read.table === table);
    records[table] = new Map(own.flatMap((read) => (read.record === null ? [] : [[read.key, read.record] as const])));
  }
  const { unsent, failures, drafts, contents } = await readStored(device.name, user);
  const stated: DeviceState['unsent'][number][] = [];
  for (const each of unsent) {
    if (each.state !== 'pending' || each.table === '') {
      stated.push(each);
      continue;
    }
    const status = link.call(page, 'statusOf', (methods) => methods.statusOf(each.table, each.key));
    await untilQuiet(world, 'a status');
    stated.push({ ...each, state: (await status)?.detail ?? each.state });
  }
  return { device: device.name, user, records, unsent: stated, failures, drafts: drafts ?? [], contents };
}

async function everyone(world: World, visit: (device: Device, user: User) => Promise<void>): Promise<void> {
  for (const device of world.devices) {
    for (const user of world.signIns.everOn(device)) await visit(device, user);
  }
}

async function statesOfAll(world: World): Promise<State[]> {
  const states: State[] = [];
  await everyone(world, async (device, user) => {
    await synchronize(world, device, user);
    states.push(await stateOf(world, device, user));
  });
  return states;
}

/** Faults off; every user of every device synchronizes until all is quiet. */
export async function quiet(world: World): Promise<Evidence> {
  const { chronicle, network, server } = world;
  network.clearFaults();
  await untilQuiet(world, 'the history');
  await everyone(world, (device, user) => synchronize(world, device, user));
  let states = await statesOfAll(world);
  const found = (): Evidence => ({
    writes: chronicle.writes.map((write) => (network.putOff.has(write.key) ? { ...write, isPutOff: true } : write)),
    reads: chronicle.reads,
    effects: server.effects.all,
    devices: states,
    server: (user, table) => new Map([...server.readable(table, user)].map(([key, row]) => [key, row.record] as const)),
    tables: tableNames,
    authorOf: chronicle.authorOf,
    isDiscarded: chronicle.isDiscarded,
    isCleared: chronicle.isCleared,
    isExcused: chronicle.isExcused,
    mayResend: chronicle.mayResend,
  });
  const evidence = (): Evidence => withContents(withServerKeys(found(), server.keys), chronicle.contents);
  // What a device could send only in the last round is with the others after one more.
  if (apart(evidence()).length > 0) states = await statesOfAll(world);
  world.losses.judge(chronicle);
  chronicle.violations.push(...chronicle.drafts.judge(evidence()), ...chronicle.groups.judge(evidence()));
  const { references } = chronicle;
  const isForgotten = (key: RecordKey): boolean => world.keys.isForgotten(key);
  const { effects, devices } = found();
  const { isExcused } = chronicle;
  const keyEvidence = { keys: server.keys, devices, effects, references, isForgotten, isExcused };
  const { contents, early } = server;
  chronicle.violations.push(...keyFaults(keyEvidence));
  chronicle.violations.push(...fileFaults({ names: chronicle.contents, contents, early, devices: states }));
  return evidence();
}
