import type { RecordKey } from '../../../sw/protocol/record.ts';
import { ReferenceServer } from '../../support/reference/reference-server.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import { Chronicle } from './chronicle.ts';
import { Clock } from './clock.ts';
import type { Command, TableName, User } from './commands.ts';
import { Device } from './device.ts';
import { KnownKeys } from './known-keys.ts';
import { Losses } from './losses.ts';
import { Network } from './network.ts';
import { PageActions } from './page-actions.ts';
import { PageLink } from './page-link.ts';
import { Random } from './random.ts';
import { SignIns } from './sign-ins.ts';
import { installSignals } from './signals.ts';
import { forgetConnections, installDatabases, untilIdle } from './tasks.ts';
import type { WorkerContext } from './worker.ts';

/** More requests of one device than this between two commands are a loop. */
const requestsAtOnce = 60;

/** Devices, a network and a server, in which nothing moves but by the commands and the seed. */
export class World {
  readonly clock = new Clock();
  readonly random: Random;
  readonly network: Network;
  readonly devices: readonly Device[];
  readonly chronicle: Chronicle = new Chronicle((table, key) => this.server.keys.of(table, key));
  readonly server: ReferenceServer = new ReferenceServer(() => this.chronicle.tick());
  readonly keys = new KnownKeys();
  readonly signIns = new SignIns();
  readonly link = new PageLink(this.chronicle, this.signIns);
  readonly actions: PageActions;
  readonly losses: Losses;
  #ids = 0;

  constructor(seed: number, devices: number, onEffect: WorkerContext['onEffect'] = () => 'go on') {
    this.random = new Random(seed);
    this.network = new Network(this.server, this.random);
    this.clock.install();
    installSignals();
    forgetConnections();
    const context = {
      clock: this.clock,
      random: this.random,
      network: this.network,
      onEffect,
      newId: () => {
        this.#ids += 1;
        return `00000000-0000-7000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
      },
    };
    this.devices = Array.from({ length: devices }, (_v, index) => {
      const name = `device${index}`;
      const device: Device = new Device(name, { ...context, cookie: () => this.signIns.of(device) ?? 'ana' });
      return device;
    });
    const databases = installDatabases((name) => {
      const id = /^holdfast:(device\d+~\d+)/.exec(name)?.[1] ?? '';
      return this.devices.find((device) => id.startsWith(`${device.name}~`))?.owners.get(id);
    });
    this.losses = new Losses(databases, this.signIns);
    const { chronicle, signIns, network, link, losses, server, keys } = this;
    this.actions = new PageActions({ chronicle, signIns, network, link, losses, server, keys });
  }

  /** Signs everybody in, downloads nothing. */
  async start(): Promise<void> {
    for (const [index, device] of this.devices.entries()) {
      this.actions.signIn({ device, id: device.pages[0] ?? '' }, index % 3 === 2 ? 'ben' : 'ana');
    }
    await untilIdle();
  }

  /** Does a command's work up to where it waits for the network or a timer. */
  async perform(command: Command, moves: number): Promise<void> {
    for (const device of this.devices) this.network.counts.set(device.name, 0);
    this.chronicle.tick();
    this.#begin(command);
    await untilIdle();
    for (let left = command.type === 'move' ? command.steps : moves; left > 0; left -= 1) {
      if (!(await this.move())) break;
    }
    for (const device of this.devices) {
      if (this.network.runsOf(device.name) > 1) this.chronicle.complain('O8', `two runs at once on ${device.name}`);
      const count = this.network.counts.get(device.name) ?? 0;
      if (count > requestsAtOnce) this.chronicle.complain('O8', `${count} requests at once by ${device.name}`);
    }
  }

  /** Moves one event of the network, or a timer that is due soon. */
  async move(withinMs = 200): Promise<boolean> {
    this.chronicle.tick();
    for (const device of this.devices) device.endReplaced();
    const isTimersTurn = this.random.next() < 0.3;
    const moved = (isTimersTurn && this.clock.fire(200)) || this.network.step() || this.clock.fire(withinMs);
    await untilIdle();
    return moved;
  }

  /** The key of a record on the server by its number; undefined: its own are to be made there, and there is none. */
  #onServer(table: TableName, index: number, user: User): RecordKey | undefined {
    if (referenceTables[table]?.serverKeys !== true) return this.keys.of(table, index, { device: '', user });
    const own = [...this.server.readable(table, user).keys()].slice(-3);
    return own[index % Math.max(1, own.length)];
  }

  #begin(command: Command): void {
    switch (command.type) {
      case 'time':
        this.clock.jump(command.byMs);
        return;
      case 'move':
        return;
      case 'server-write': {
        const { table, key, field, user } = command;
        const owner = table === 'products' ? '' : user;
        const where = this.#onServer(table, key, user) ?? this.server.keys.next();
        this.server.write(table, where, { [field]: this.chronicle.newValue('') }, owner);
        return;
      }
      case 'server-delete': {
        const where = this.#onServer(command.table, command.key, command.user);
        if (where !== undefined && this.server.find(command.table, where) !== undefined)
          this.server.write(command.table, where, null, command.user);
        return;
      }
      default: {
        const device = this.devices[command.device % this.devices.length];
        const id = device?.pages[command.page % device.pages.length];
        if (device !== undefined && id !== undefined) this.actions.begin({ device, id }, command);
      }
    }
  }
}
