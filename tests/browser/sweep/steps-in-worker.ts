import { stepAddress } from './step.ts';

const held = { readwrite: true, readonly: false, versionchange: false } as const;

/**
 * Keeps an event from everybody else until the test has let it pass. What it tells of is on disk by then; a worker that is stopped
 * meanwhile never hears of it.
 */
function hold(target: EventTarget, type: string, what: string): void {
  let isLetPass = false;
  const onEvent = (event: Event): void => {
    if (isLetPass) return;
    event.stopImmediatePropagation();
    const pass = (): void => {
      isLetPass = true;
      target.dispatchEvent(new Event(type));
    };
    // Not answered, or not to be asked any more: this worker's time is over.
    fetch(stepAddress, { method: 'POST', body: what }).then(pass, () => undefined);
  };
  target.addEventListener(type, onEvent, { capture: true });
}

/** Tells the test of each change of what is stored, whoever makes it: transactions that write, databases made and deleted. */
export function watchSteps(): void {
  const { prototype } = IDBDatabase;
  const transaction = Reflect.get(prototype, 'transaction');
  prototype.transaction = function (this: IDBDatabase, stores, mode = 'readonly', options = {}) {
    const made = transaction.call(this, stores, mode, options);
    const scope = typeof stores === 'string' ? [stores] : [...stores];
    if (held[mode]) hold(made, 'complete', `${this.name}: ${scope.join(' ')}`);
    return made;
  };
  const factory = IDBFactory.prototype;
  const open = Reflect.get(factory, 'open');
  factory.open = function (this: IDBFactory, name, version) {
    const request = open.call(this, name, version);
    request.addEventListener('upgradeneeded', () => hold(request, 'success', `${name}: made`));
    return request;
  };
  const remove = Reflect.get(factory, 'deleteDatabase');
  factory.deleteDatabase = function (this: IDBFactory, name) {
    const request = remove.call(this, name);
    hold(request, 'success', `${name}: deleted`);
    return request;
  };
}
