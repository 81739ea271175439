import { isFileReference } from '../../sw/protocol/file.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { DeviceState, Evidence, Violation } from './oracle.ts';
import { hashOfText, type Contents } from './reference/contents.ts';
import type { Effect } from './reference/ledger.ts';
import { referenceTables } from './reference/tables.ts';

/** What was written into each content, by its hash. */
export type ContentNames = ReadonlyMap<string, string>;

export interface FileEvidence {
  readonly names: ContentNames;
  readonly contents: Contents;
  /** Records that named a content before the server had it. */
  readonly early: readonly string[];
  /** With the hashes that are stored. */
  readonly devices: readonly (DeviceState & {
    /** The contents that are whole, as their bytes stand there. */
    readonly contents: ReadonlyMap<string, string>;
  })[];
}

function hashIn(table: string, record: JsonObject): string | null {
  const value = record[referenceTables[table]?.file ?? ''];
  return isFileReference(value) ? value.hash : null;
}

/** What must hold of the contents of files, when all is quiet. */
export function fileFaults({ names, contents, early, devices }: FileEvidence): Violation[] {
  const violations: Violation[] = early.map((message) => ({ oracle: 'O1', message }));
  for (const { device, user, records, unsent, failures, drafts = [], contents: held } of devices) {
    const here = `${user} on ${device}`;
    for (const [hash, text] of held) {
      if (hashOfText(text) !== hash)
        violations.push({ oracle: 'O5', message: `the content ${names.get(hash) ?? hash} of ${here} is another` });
    }
    for (const [table, rows] of Object.entries(records)) {
      for (const [key, record] of rows) {
        const hash = hashIn(table, record);
        // What lies under unsent work may have been replaced on the server before it came here.
        const isUnsent = unsent.some((row) => row.table === table && row.key === key);
        if (hash === null || held.has(hash) || isUnsent) continue;
        const message = `${table} ${key} of ${here}: its content ${names.get(hash) ?? hash} is not there`;
        violations.push({ oracle: 'O4', message });
      }
    }
    for (const { table, key, text } of [...unsent, ...failures, ...drafts]) {
      for (const [hash] of text.matchAll(/[0-9a-f]{64}/g)) {
        if (held.has(hash) || contents.has(user, hash)) continue;
        const message = `the content ${names.get(hash) ?? hash} of ${table} ${key} by ${here} is lost`;
        violations.push({ oracle: 'O1', message });
      }
    }
  }
  return violations;
}

/** A record with the value that was written into its file in the place of the file. The same object if it has none. */
export function withContentNamed(record: JsonObject, names: ContentNames): JsonObject {
  const { photo } = record;
  return isFileReference(photo) ? { ...record, photo: names.get(photo.hash) ?? 'a content of nobody’s' } : record;
}

function textNamed(text: string, names: ContentNames): string {
  return names.size === 0 ? text : text.replace(/[0-9a-f]{64}/g, (hash) => names.get(hash) ?? hash);
}

/** The evidence with what was written into files as if it stood in the records. */
export function withContents(evidence: Evidence, names: ContentNames): Evidence {
  if (names.size === 0) return evidence;
  const named = (record: JsonObject): JsonObject => withContentNamed(record, names);
  const effect = (each: Effect): Effect => {
    const { before, after } = each;
    return { ...each, before: before === null ? null : named(before), after: after === null ? null : named(after) };
  };
  const texts = <T extends { readonly text: string }>(rows: readonly T[]): readonly T[] =>
    rows.map((row) => ({ ...row, text: textNamed(row.text, names) }));
  const devices = evidence.devices.map((state) => ({
    ...state,
    unsent: texts(state.unsent),
    failures: texts(state.failures),
    drafts: texts(state.drafts ?? []),
  }));
  return { ...evidence, devices, effects: evidence.effects.map(effect) };
}
