import type { SyncEvent } from '../../../sw/protocol/events.ts';
import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import type { Effect } from '../reference/ledger.ts';
import {
  judge,
  phantoms,
  type AnsweredRead,
  type AnsweredWrite,
  type DeviceState,
  type Evidence,
  type Violation,
} from '../oracle.ts';
import { historyFaults } from '../history-checker.ts';

export interface Who {
  readonly device: string;
  readonly user: string;
}

/** Of all recorders: what an earlier test left on the server is not taken for this one's. */
let values = 0;

/** What the pages of a test wrote and read, for the oracle. Every value that is written is one of a kind. */
export class Recorder {
  readonly writes: AnsweredWrite[] = [];
  readonly reads: AnsweredRead[] = [];
  readonly #authors = new Map<string, string>();
  #time = 0;

  /** A value that nobody else writes. */
  value(user: string): string {
    values += 1;
    const value = `w${values}`;
    this.#authors.set(value, user);
    return value;
  }

  /** Notes a write if it was answered with success; gives the answer's status. */
  async write(
    who: Who,
    what: { readonly table: string; readonly key: RecordKey; readonly fields: Readonly<Record<string, string>> | null },
    send: () => Promise<number>,
  ): Promise<number> {
    const startedAt = (this.#time += 1);
    const status = await send();
    if (status >= 200 && status < 300) {
      this.writes.push({ ...who, ...what, startedAt, endedAt: (this.#time += 1) });
    }
    return status;
  }

  /** Notes what a page was answered. */
  async read(
    who: Who,
    what: { readonly table: string; readonly key: RecordKey },
    ask: () => Promise<JsonObject | null>,
  ): Promise<JsonObject | null> {
    const startedAt = (this.#time += 1);
    const record = await ask();
    this.reads.push({ ...who, ...what, record, startedAt, endedAt: (this.#time += 1) });
    return record;
  }

  /** O5 and O7 of what was read: only where no value of another recorder is on the server. */
  phantoms(): readonly Violation[] {
    return this.reads.flatMap((read) => phantoms(read, { authorOf: (value) => this.#authors.get(value) }, false));
  }

  /** O1 to O5, O7 and the history, when all is quiet. */
  judge(
    effects: readonly Effect[],
    devices: readonly DeviceState[],
    server: Evidence['server'],
    tables: readonly string[],
  ): readonly Violation[] {
    const evidence: Evidence = {
      ...{ writes: this.writes, reads: this.reads, effects, devices, server, tables },
      authorOf: (value) => this.#authors.get(value),
      isExcused: () => false,
      isDiscarded: () => false,
    };
    return [...judge(evidence), ...historyFaults(evidence)];
  }
}

/** O8: no run begins while another of the same database goes. What is given are the events of one device, in order. */
export function overlappingRuns(events: readonly SyncEvent[]): readonly string[] {
  const faults: string[] = [];
  let going: string | null = null;
  for (const event of events) {
    if (event.type === 'started') {
      if (going !== null) faults.push(`${event.run} began while ${going} went`);
      going = event.run;
    }
    if (event.type === 'finished') going = null;
  }
  return faults;
}
