import { isJsonObject } from '../../../sw/protocol/record.ts';
import type { AnsweredRead } from '../../support/oracle.ts';
import { withContentNamed } from '../../support/oracle-files.ts';
import type { ReferenceServer } from '../../support/reference/reference-server.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import type { Command, TableName, User } from './commands.ts';
import { draft } from './draft-actions.ts';
import { file } from './file-actions.ts';
import { group } from './group-action.ts';
import type { KnownKeys } from './known-keys.ts';
import type { Losses } from './losses.ts';
import type { Network } from './network.ts';
import type { PageAnswer } from './device.ts';
import { objectOf, parsedText, type Page, type PageLink } from './page-link.ts';
import { resolve } from './resolve-action.ts';
import { select } from './select-action.ts';
import type { SignIns } from './sign-ins.ts';
import { signOut } from './sign-out-action.ts';
import { close, write } from './write-actions.ts';

type DeviceCommand = Exclude<Command, { readonly type: 'time' | 'move' | 'server-write' | 'server-delete' }>;
type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

function isFromNetwork({ headers }: PageAnswer): boolean {
  return headers.get('Sync-Source') !== 'local';
}

interface Parts {
  readonly chronicle: Chronicle;
  readonly signIns: SignIns;
  readonly network: Network;
  readonly link: PageLink;
  readonly losses: Losses;
  readonly server: ReferenceServer;
  readonly keys: KnownKeys;
}

/** What pages do, and what they hear, written down. Nothing of it is awaited. */
export class PageActions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  begin(page: Page, command: DeviceCommand): void {
    const { device } = page;
    switch (command.type) {
      case 'write':
        write(this.#parts, page, command);
        return;
      case 'read':
        this.#read(page, command.table, command.key);
        return;
      case 'list':
        this.list(page, command.table);
        return;
      case 'draft':
        void draft(this.#parts, page, command);
        return;
      case 'file':
        file(this.#parts, page, command);
        return;
      case 'close':
        close(this.#parts, page, command);
        return;
      case 'group':
        void group(this.#parts, page, command);
        return;
      case 'synchronize': {
        const { mode, full, onBusy } = command;
        void this.#parts.link.call(page, 'synchronize', (methods) =>
          methods.synchronize(`call-${this.#parts.chronicle.tick()}`, { mode, full, onBusy, onPartial: 'return' }),
        );
        return;
      }
      case 'select':
        void select(this.#parts, page, command);
        return;
      case 'trigger':
        void this.#parts.link.call(page, 'requestRun', (methods) => methods.requestRun(command.trigger));
        return;
      case 'cancel':
        void this.#parts.link.call(page, 'cancel', (methods) => methods.cancel(null));
        return;
      case 'set-status': {
        const { table, field, status } = command;
        const effects = this.#parts.server.effects.all.length;
        const onMarked = status === 1 ? this.#parts.chronicle.marks({ device: device.name, table, effects }) : null;
        const filter = `${field} IS NOT NULL`;
        void this.#parts.link
          .call(page, 'setStatus', (methods) => methods.setStatus(table, status, filter, {}))
          .then((result) => (result === null ? undefined : onMarked?.()));
        return;
      }
      case 'failure':
        this.#settleFailure(page, command);
        return;
      case 'resolve':
        void resolve(this.#parts, page, command);
        return;
      case 'clear':
        this.#clear(page, command);
        return;
      case 'sign-in':
        this.signIn(page, command.user);
        return;
      case 'sign-out':
        void signOut(this.#parts, page, command).then(() =>
          this.signIn({ device, id: device.pages[0] ?? '' }, command.next),
        );
        return;
      case 'open-page':
        device.openPage();
        return;
      case 'close-page':
        device.closePage(page.id);
        return;
      case 'stop-worker':
        device.stopWorker(command.afterSteps);
        return;
      case 'replace-worker':
        device.replaceWorker(command.withSchema);
        return;
      case 'break-connections':
        device.breakConnections();
        return;
      case 'lose-storage':
        this.#loseStorage(page, command);
        return;
      case 'network-fault':
        this.#parts.network.addFault(device.name, command.kind, command.fault);
        return;
      case 'connectivity':
        this.#parts.network.setOnline(device.name, command.isOnline);
    }
  }

  #loseStorage({ device }: Page, { what, stopsWorker }: Of<'lose-storage'>): void {
    if (stopsWorker) device.stopWorker(0);
    this.#parts.losses.lose(device, what);
    if (what === 'damaged') device.witness.notes.clear();
    this.#parts.chronicle.loseDevice(device.name);
    this.#parts.keys.forget(device.name, null);
    const user = this.#parts.signIns.of(device);
    // Who was signed in is not known any more where everything went: the app's page asks.
    if (what !== 'damaged' || user === undefined) return;
    this.#parts.signIns.forget(device);
    device.forgetPages();
    this.signIn({ device, id: device.openPage() }, user);
  }

  signIn(page: Page, user: User): void {
    const { device } = page;
    const signIn = this.#parts.signIns.begin(device, user);
    const onRefused = (): void => this.#parts.signIns.refused(signIn);
    void this.#parts.link
      .call(page, 'signIn', (methods) => methods.signIn({ user }), onRefused)
      .then((isDone) => {
        if (isDone !== true) return;
        this.#parts.signIns.happened(signIn);
        // The app reloads its pages when somebody else signs in.
        device.pages = [];
        device.openPage();
      });
  }

  list(page: Page, table: TableName, onRead = (read: AnsweredRead): void => this.#parts.chronicle.learn(read)): void {
    const startedAt = this.#parts.chronicle.tick();
    const request = { method: 'GET', path: `/api/${table}`, body: null, idempotencyKey: null };
    this.#parts.link.fetch(page, request, (answer, user) => {
      if (answer.status !== 200) return;
      const list = parsedText(answer.text);
      const endedAt = this.#parts.chronicle.tick();
      const keyField = referenceTables[table]?.key ?? 'id';
      for (const record of Array.isArray(list) ? list.filter(isJsonObject) : []) {
        const key = record[keyField];
        if (typeof key !== 'string' && typeof key !== 'number') continue;
        const where = { device: page.device.name, user, table, key };
        this.#parts.keys.learn(where, table, record);
        onRead({ ...where, startedAt, endedAt, record, isFromNetwork: isFromNetwork(answer) });
      }
    });
  }

  #read(page: Page, table: TableName, index: number): void {
    const { signIns, keys } = this.#parts;
    const place = { device: page.device.name, user: signIns.userOf(page.device, page.id) ?? '' };
    const key = keys.of(table, index, place);
    if (key === undefined) return;
    const startedAt = this.#parts.chronicle.tick();
    const path = `/api/${table}/${String(key)}`;
    this.#parts.link.fetch(page, { method: 'GET', path, body: null, idempotencyKey: null }, (answer, user) => {
      if (answer.status !== 200 && answer.status !== 404) return;
      const record = answer.status === 404 ? null : parsedText(answer.text);
      if (record === undefined) return;
      const where = { device: page.device.name, user, table, key };
      const endedAt = this.#parts.chronicle.tick();
      const read = { ...where, startedAt, endedAt, record: objectOf(record) };
      this.#parts.chronicle.learn({ ...read, isFromNetwork: isFromNetwork(answer) });
    });
  }

  #clear(page: Page, { table, field, force }: Of<'clear'>): void {
    const { signIns, link, chronicle } = this.#parts;
    const user = signIns.userOf(page.device, page.id);
    let isRefused = false as boolean;
    const onRefused = (): void => {
      isRefused = true;
    };
    void link
      .call(page, 'clear', (methods) => methods.clear(table, `${field} IS NOT NULL`, { force }), onRefused)
      .then((result) => {
        if (isRefused || user === null || !force) return;
        const where = { device: page.device.name, user, table };
        if (result !== null) chronicle.clear(where, { field, refused: result.refused });
        else if (page.device.pages.includes(page.id)) chronicle.clear(where, null);
        else chronicle.clearUnheard(where);
      });
  }

  #settleFailure(page: Page, command: Of<'failure'>): void {
    void this.#parts.link
      .call(page, 'failures', (methods) => methods.failures({}))
      .then(async (failures) => {
        const failure = failures?.[command.index];
        if (failure === undefined) return;
        const { chronicle } = this.#parts;
        // Of a command, its body.
        const content = objectOf(failure.content);
        chronicle.excuse(content === null ? null : withContentNamed(content, chronicle.contents));
        const { table, key } = failure;
        if (failure.group !== undefined) chronicle.groups.part(failure.group);
        if (failure.group !== undefined && command.what === 'discard') chronicle.discardGroup(failure.group);
        if (failure.operation === 'delete') chronicle.discardDeletion({ device: page.device.name, table, key });
        await this.#parts.link.call(page, command.what, (methods) => methods[command.what](failure.id));
      });
  }
}
