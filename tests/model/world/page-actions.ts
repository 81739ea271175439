import { isJsonObject, type JsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import type { AnsweredWrite } from '../../support/oracle.ts';
import type { ReferenceServer } from '../../support/reference/reference-server.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import type { Chronicle } from './chronicle.ts';
import { fieldNames, type Command, type TableName, type User } from './commands.ts';
import { draft } from './draft-actions.ts';
import { keyOf } from './keys.ts';
import type { Losses } from './losses.ts';
import type { Network } from './network.ts';
import type { PageAnswer } from './device.ts';
import { objectOf, parsedText, type Page, type PageLink } from './page-link.ts';
import { select } from './select-action.ts';
import type { SignIns } from './sign-ins.ts';
import { signOut } from './sign-out-action.ts';

type DeviceCommand = Exclude<Command, { readonly type: 'time' | 'move' | 'server-write' | 'server-delete' }>;
type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

function isFromNetwork({ headers }: PageAnswer): boolean {
  return headers.get('Sync-Source') !== 'local';
}

/** It may be stored as long as a worker has it. */
const unheard = { endedAt: Number.POSITIVE_INFINITY, isUnheard: true } as const;

/** What pages do, and what they hear, written down. Nothing of it is awaited. */
export class PageActions {
  readonly #chronicle: Chronicle;
  readonly #signIns: SignIns;
  readonly #network: Network;
  readonly #link: PageLink;
  readonly #losses: Losses;
  readonly #server: ReferenceServer;

  constructor(parts: {
    chronicle: Chronicle;
    signIns: SignIns;
    network: Network;
    link: PageLink;
    losses: Losses;
    server: ReferenceServer;
  }) {
    this.#chronicle = parts.chronicle;
    this.#signIns = parts.signIns;
    this.#network = parts.network;
    this.#link = parts.link;
    this.#losses = parts.losses;
    this.#server = parts.server;
  }

  begin(page: Page, command: DeviceCommand): void {
    const { device } = page;
    switch (command.type) {
      case 'write':
        this.#write(page, command);
        return;
      case 'read':
        this.#read(page, command.table, keyOf(command.table, command.key));
        return;
      case 'list':
        this.list(page, command.table);
        return;
      case 'draft':
        void draft({ chronicle: this.#chronicle, signIns: this.#signIns, link: this.#link }, page, command);
        return;
      case 'close':
        this.#close(page, String(keyOf('visits', command.key)));
        return;
      case 'synchronize': {
        const { mode, full, onBusy } = command;
        void this.#link.call(page, 'synchronize', (methods) =>
          methods.synchronize(`call-${this.#chronicle.tick()}`, { mode, full, onBusy, onPartial: 'return' }),
        );
        return;
      }
      case 'select':
        void select({ chronicle: this.#chronicle, link: this.#link, server: this.#server }, page, command);
        return;
      case 'trigger':
        void this.#link.call(page, 'requestRun', (methods) => methods.requestRun(command.trigger));
        return;
      case 'cancel':
        void this.#link.call(page, 'cancel', (methods) => methods.cancel(null));
        return;
      case 'set-status': {
        // What is marked is sent again as it is, and what is held may be replaced: no claim is made of either.
        this.#chronicle.excuseWrites(device.name, command.table);
        const filter = `${command.field} IS NOT NULL`;
        void this.#link.call(page, 'setStatus', (methods) =>
          methods.setStatus(command.table, command.status, filter, {}),
        );
        return;
      }
      case 'failure':
        this.#settleFailure(page, command);
        return;
      case 'sign-in':
        this.signIn(page, command.user);
        return;
      case 'sign-out':
        void signOut({ chronicle: this.#chronicle, signIns: this.#signIns, link: this.#link }, page, command).then(() =>
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
        device.replaceWorker();
        return;
      case 'break-connections':
        device.breakConnections();
        return;
      case 'lose-storage':
        this.#loseStorage(page, command);
        return;
      case 'network-fault':
        this.#network.addFault(device.name, command.kind, command.fault);
        return;
      case 'connectivity':
        this.#network.setOnline(device.name, command.isOnline);
    }
  }

  #loseStorage({ device }: Page, { what, stopsWorker }: Of<'lose-storage'>): void {
    if (stopsWorker) device.stopWorker(0);
    this.#losses.lose(device, what);
    if (what === 'damaged') device.witness.notes.clear();
    this.#chronicle.loseDevice(device.name);
    const user = this.#signIns.of(device);
    // Who was signed in is not known any more where everything went: the app's page asks.
    if (what !== 'damaged' || user === undefined) return;
    this.#signIns.forget(device);
    device.forgetPages();
    this.signIn({ device, id: device.openPage() }, user);
  }

  signIn(page: Page, user: User): void {
    const { device } = page;
    const signIn = this.#signIns.begin(device, user);
    const onRefused = (): void => this.#signIns.refused(signIn);
    void this.#link
      .call(page, 'signIn', (methods) => methods.signIn({ user }), onRefused)
      .then((isDone) => {
        if (isDone !== true) return;
        this.#signIns.happened(signIn);
        // The app reloads its pages when somebody else signs in.
        device.pages = [];
        device.openPage();
      });
  }

  list(page: Page, table: TableName): void {
    const startedAt = this.#chronicle.tick();
    const request = { method: 'GET', path: `/api/${table}`, body: null, idempotencyKey: null };
    this.#link.fetch(page, request, (answer, user) => {
      if (answer.status !== 200) return;
      const list = parsedText(answer.text);
      const endedAt = this.#chronicle.tick();
      const keyField = referenceTables[table]?.key ?? 'id';
      for (const record of Array.isArray(list) ? list.filter(isJsonObject) : []) {
        const key = record[keyField];
        if (typeof key !== 'string' && typeof key !== 'number') continue;
        const where = { device: page.device.name, user, table, key };
        this.#chronicle.learn({ ...where, startedAt, endedAt, record, isFromNetwork: isFromNetwork(answer) });
      }
    });
  }

  #authorOf({ device, id }: Page): User | '' {
    return this.#signIns.userOf(device, id) ?? '';
  }

  #write(page: Page, command: Of<'write'>): void {
    const { table, method, fields, isRejected, withKey } = command;
    const key = keyOf(table, command.key);
    const author = this.#authorOf(page);
    const values = Object.fromEntries(fields.map((field) => [field, this.#chronicle.newValue(author)]));
    const keyField = referenceTables[table]?.key ?? 'id';
    const extra: JsonObject = {
      ...(isRejected ? { rating: 9 } : method === 'PATCH' ? {} : { rating: 1 }),
      ...(table === 'lines' && method !== 'PATCH' ? { visitId: 'k0' } : {}),
    };
    const record = method === 'PATCH' ? { ...values, ...extra } : { [keyField]: key, ...values, ...extra };
    const startedAt = this.#chronicle.tick();
    const path = method === 'POST' ? `/api/${table}` : `/api/${table}/${String(key)}`;
    const body = method === 'DELETE' ? null : JSON.stringify(record);
    const idempotencyKey = withKey ? `key-${startedAt}` : null;
    // A PUT or POST sets every field; those that it does not name are taken away.
    const cleared = method === 'PUT' ? fieldNames.filter((field) => !fields.includes(field)) : [];
    const set = method === 'DELETE' ? null : { ...Object.fromEntries(cleared.map((field) => [field, ''])), ...values };
    const wrote = (user: User, ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void =>
      this.#chronicle.wrote({ device: page.device.name, user, table, key, fields: set, startedAt, ...ended });
    this.#link.fetch(
      page,
      { method, path, body, idempotencyKey },
      (answer, user) => {
        if (answer.status < 300) wrote(user, { endedAt: this.#chronicle.tick() });
      },
      (user) => wrote(user, unheard),
    );
  }

  #read(page: Page, table: TableName, key: RecordKey): void {
    const startedAt = this.#chronicle.tick();
    const path = `/api/${table}/${String(key)}`;
    this.#link.fetch(page, { method: 'GET', path, body: null, idempotencyKey: null }, (answer, user) => {
      if (answer.status !== 200 && answer.status !== 404) return;
      const record = answer.status === 404 ? null : parsedText(answer.text);
      if (record === undefined) return;
      const where = { device: page.device.name, user, table, key };
      const endedAt = this.#chronicle.tick();
      const read = { ...where, startedAt, endedAt, record: objectOf(record) };
      this.#chronicle.learn({ ...read, isFromNetwork: isFromNetwork(answer) });
    });
  }

  #close(page: Page, key: string): void {
    const stamp = this.#chronicle.newValue(this.#authorOf(page));
    const startedAt = this.#chronicle.tick();
    const body = JSON.stringify({ stamp });
    const request = { method: 'POST', path: `/api/visits/${key}/close`, body, idempotencyKey: null };
    const wrote = (user: User, ended: Pick<AnsweredWrite, 'endedAt' | 'isUnheard'>): void => {
      const where = { device: page.device.name, user, table: 'visits', key };
      this.#chronicle.wrote({ ...where, fields: { closed: stamp }, isCommand: true, startedAt, ...ended });
    };
    this.#link.fetch(
      page,
      request,
      (answer, user) => {
        if (answer.status === 202) wrote(user, { endedAt: this.#chronicle.tick() });
      },
      (user) => wrote(user, unheard),
    );
  }

  #settleFailure(page: Page, command: Of<'failure'>): void {
    void this.#link
      .call(page, 'failures', (methods) => methods.failures({}))
      .then(async (failures) => {
        const failure = failures?.[command.index];
        if (failure === undefined) return;
        // Of a command, its body.
        this.#chronicle.excuse(objectOf(failure.content));
        const { table, key } = failure;
        if (failure.operation === 'delete') this.#chronicle.discardDeletion({ device: page.device.name, table, key });
        await this.#link.call(page, command.what, (methods) => methods[command.what](failure.id));
      });
  }
}
