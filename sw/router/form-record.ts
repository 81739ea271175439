import { SyncError } from '../protocol/errors.ts';
import { isJsonObject, isShallow, type Json, type JsonObject } from '../protocol/record.ts';
import type { FileReference } from '../protocol/file.ts';
import type { Table } from '../store/schema.ts';
import { checkNumbers } from './exact-numbers.ts';
import type { Part } from './multipart.ts';

const largestField = 1024 * 1024;

async function textOf(part: Part): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of part.body) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > largestField) {
      throw new SyncError('too-large', `The form’s field ${part.name} is larger than 1 MiB. Nothing was stored.`);
    }
  }
  return text + decoder.decode();
}

/** A form has texts only: what the column is declared to be is what the text means. */
function valueOf(table: Table, name: string, text: string): Json {
  const type = table.columns.get(name)?.type;
  if (type === 'number') {
    checkNumbers(text);
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value)) return value;
  } else if (type === 'boolean') {
    const word = text.toLowerCase();
    if (['true', 'on', '1'].includes(word)) return true;
    if (['false', 'off', '0'].includes(word)) return false;
  } else return text;
  throw new SyncError('invalid-body', `The form’s field ${name} is not a ${type}. Nothing was stored.`);
}

export interface FormRecord {
  readonly record: JsonObject;
  readonly file: FileReference | null;
}

/**
 * The record in a form: its fields, or one field `record` with all of it as JSON, and its file.
 *
 * @param keep Stores a file's bytes.
 */
export async function readForm(
  table: Table,
  parts: AsyncIterable<Part>,
  keep: (part: Part) => Promise<FileReference>,
): Promise<FormRecord> {
  const fields = new Map<string, Json>();
  let file: FileReference | null = null;
  const add = (name: string, value: Json): void => {
    if (fields.has(name)) {
      throw new SyncError(
        'invalid-body',
        `The form has ${name} more than once. Nothing was stored; send a list as JSON, in one field named record.`,
      );
    }
    fields.set(name, value);
  };
  for await (const part of parts) {
    if (part.name === table.file?.field) {
      if (file !== null) throw new SyncError('invalid-body', 'The form has two files. Nothing was stored.');
      const kept = await keep(part);
      // A file input that was left empty has a part without a name.
      if (kept.size > 0 || part.filename !== '') file = kept;
      continue;
    }
    if (part.filename !== null) {
      const wanted = table.file === null ? `${table.name} has no files` : `its name is ${table.file.field}`;
      throw new SyncError('invalid-body', `The form has a file ${part.name}; ${wanted}. Nothing was stored.`);
    }
    const text = await textOf(part);
    if (part.name !== 'record') {
      add(part.name, valueOf(table, part.name, text));
      continue;
    }
    checkNumbers(text);
    let record: unknown = null;
    try {
      record = JSON.parse(text);
    } catch {
      // Said below.
    }
    if (!isJsonObject(record) || !isShallow(record)) {
      throw new SyncError(
        'invalid-body',
        'The form’s field record is not a JSON object, or nested more than 100 deep. Nothing was stored.',
      );
    }
    for (const [name, value] of Object.entries(record)) add(name, value);
  }
  return { record: Object.fromEntries(fields), file };
}
