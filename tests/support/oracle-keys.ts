import { isRecordKey, type Json, type RecordKey } from '../../sw/protocol/record.ts';
import type { AnsweredRead, DeviceState, Evidence, Violation } from './oracle.ts';
import type { Effect } from './reference/ledger.ts';
import type { MadeKey, ServerKeys } from './reference/server-keys.ts';
import { referenceTables } from './reference/tables.ts';

export interface KeyEvidence {
  readonly keys: ServerKeys;
  /** With the keys under which everything is stored. */
  readonly devices: readonly DeviceState[];
  readonly effects: readonly Effect[];
  /** As pages wrote them. */
  readonly references: readonly {
    readonly table: string;
    readonly key: RecordKey;
    readonly field: string;
    readonly to: RecordKey;
  }[];
  /** The device had lost what became of the key before a page used it again. */
  readonly isForgotten: (key: RecordKey) => boolean;
  readonly isExcused: Evidence['isExcused'];
}

/** Whether a text of JSON has the number, by itself or in an address. */
function names(text: string, key: RecordKey): boolean {
  return new RegExp(`(?<![\\w.-])${String(key)}(?![\\w.-])`).test(text);
}

/**
 * A new record of which it was not known whether the server has it, and that its user then set synchronized by hand: it is not sent, so
 * nobody asks what became of it until the user retries or discards it (K-04).
 */
function isHeld({ unsent }: DeviceState, table: string, temporary: RecordKey): boolean {
  return unsent.some(
    (each) => each.table === table && each.key === temporary && each.state === 'held' && each.text.includes('"sent":'),
  );
}

/** A new record of which that was not known either, and that does not fit the app's new version: its failure says so (V-4). */
function isGivenUp({ failures }: DeviceState, table: string, temporary: RecordKey): boolean {
  return failures.some(
    (each) =>
      each.table === table &&
      each.key === temporary &&
      each.operation === 'create' &&
      each.text.includes('The server may have it already'),
  );
}

/** U-08: when all is quiet nothing goes by a temporary key whose record is on the server. */
function temporaryLeft({ keys, devices, isForgotten }: KeyEvidence): Violation[] {
  const violations: Violation[] = [];
  for (const { table, temporary, key, device } of keys.made) {
    if (isForgotten(temporary)) continue;
    for (const state of devices) {
      if (state.device !== device || isHeld(state, table, temporary) || isGivenUp(state, table, temporary)) continue;
      const shown = Object.values(state.records).flatMap((records) => [...records.values()]);
      const texts = [...state.unsent, ...state.failures, ...(state.drafts ?? [])].map(({ text }) => text);
      const left = [...texts, ...shown.map((record) => JSON.stringify(record))].find((text) => names(text, temporary));
      const keysLeft = [...state.unsent, ...state.failures].some((each) => each.key === temporary);
      if (left === undefined && !keysLeft) continue;
      const message = `${table} ${key} still goes by ${temporary} on ${device}: ${left ?? ''}`;
      violations.push({ oracle: 'O5', message });
    }
  }
  return violations;
}

function sentLate({ keys, isForgotten }: KeyEvidence): Violation[] {
  return keys.late
    .filter(({ temporary }) => !isForgotten(temporary))
    .map(({ table, key, temporary }) => ({
      oracle: 'O5',
      message: `${table} ${key} was named ${temporary} in an upload after the one that made it`,
    }));
}

/** O2 of new records: one for each temporary key, and for each value with which one was made. */
function madeTwice({ keys, effects, isExcused }: KeyEvidence): Violation[] {
  const violations: Violation[] = [];
  const made = new Map<RecordKey, MadeKey>();
  for (const each of keys.made) {
    if (made.has(each.temporary)) {
      violations.push({ oracle: 'O2', message: `${each.table} ${each.temporary} was made twice` });
    }
    made.set(each.temporary, each);
  }
  return [...violations, ...createdTwice(effects, isExcused)];
}

function createdTwice(effects: readonly Effect[], isExcused: Evidence['isExcused']): Violation[] {
  const violations: Violation[] = [];
  const created = new Map<Json, string>();
  for (const { type, table, key, after } of effects) {
    if (type !== 'create') continue;
    for (const value of Object.values(after ?? {})) {
      if (typeof value !== 'string' || !/^w\d+$/.test(value) || isExcused(value)) continue;
      const id = `${table} ${key}`;
      const other = created.get(value) ?? id;
      if (other !== id) violations.push({ oracle: 'O2', message: `${value} made ${other} and ${id}` });
      created.set(value, id);
    }
  }
  return violations;
}

/** O5 of references: each that arrived was written by a page, and means the record that the page meant. */
function strangeReferences({ keys, effects, references }: KeyEvidence): Violation[] {
  const violations: Violation[] = [];
  for (const { type, table, key, before, after } of effects) {
    if (type === 'server' || after === null) continue;
    for (const [field, parent] of Object.entries(referenceTables[table]?.references ?? {})) {
      const reference = after[field];
      if (referenceTables[parent]?.serverKeys !== true || !isRecordKey(reference) || before?.[field] === reference)
        continue;
      const isWritten = references.some(
        (written) =>
          written.table === table &&
          written.field === field &&
          (isUnknown(written.key) || keys.of(table, written.key) === key) &&
          (isUnknown(written.to) || keys.of(parent, written.to) === reference),
      );
      if (!isWritten) {
        violations.push({ oracle: 'O5', message: `${table} ${key}: nobody made ${field} name ${reference}` });
      }
    }
  }
  return violations;
}

/** Of a new record whose page never heard by which key it goes. */
function isUnknown(key: RecordKey): boolean {
  return typeof key === 'string' && key.startsWith('new-');
}

/** What must hold of the keys that the server makes, when all is quiet. */
export function keyFaults(evidence: KeyEvidence): Violation[] {
  return [...temporaryLeft(evidence), ...sentLate(evidence), ...madeTwice(evidence), ...strangeReferences(evidence)];
}

/** The evidence with the server's keys wherever a record is named. */
export function withServerKeys(evidence: Evidence, keys: ServerKeys): Evidence {
  const named = <T extends { readonly table: string; readonly key: RecordKey }>(each: T): T => {
    const key = keys.of(each.table, each.key);
    return key === each.key ? each : { ...each, key };
  };
  const devices = evidence.devices.map((state) => ({
    ...state,
    unsent: state.unsent.map((each) => (each.state === 'held' ? each : named(each))),
    failures: state.failures.map(named),
  }));
  const { writes } = evidence;
  // Before a device has the answer to its new record, the network may show that as one more.
  const isOneMore = ({ table, key, device, isFromNetwork }: AnsweredRead): boolean =>
    isFromNetwork === true &&
    keys.made.some((made) => made.table === table && made.key === key && made.device === device);
  const reads = evidence.reads.filter((read) => !isOneMore(read)).map(named);
  return { ...evidence, devices, writes: writes.map(named), reads };
}
