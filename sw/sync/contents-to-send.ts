import type { FileOfRecord } from '../backend/backend.ts';
import type { MutationId, RunId } from '../protocol/record.ts';
import type { AnyTransaction } from '../store/database.ts';
import { fileIn } from '../store/file-field.ts';
import type { UploadItem } from './upload-order.ts';

/** A content that must be on the server before the change that names it. */
export interface ContentToSend extends FileOfRecord {
  readonly seq: number;
  readonly mutationId: MutationId;
}

/** By record too: a REST server keeps a content under each record that names it. */
export function sentId({ table, key, hash }: FileOfRecord): string {
  return JSON.stringify([hash, table, key]);
}

/**
 * The contents that changes name and the server did not say in this run that it has. What the base names already is there,
 * unless the whole record is sent anew. Scope: sentContents.
 */
export async function contentsToSend(
  tx: AnyTransaction,
  run: RunId,
  items: readonly UploadItem[],
): Promise<readonly ContentToSend[]> {
  const wanted = items.flatMap((item): ContentToSend[] => {
    if (item.type !== 'change' || item.table.file === null) return [];
    const { table, row } = item;
    const reference = fileIn(table, row.text);
    if (reference === null) return [];
    if (!row.whole && row.base !== null && fileIn(table, row.base.text)?.hash === reference.hash) return [];
    const { hash, size, type } = reference;
    return [{ table: table.name, key: row.key, hash, size, type, seq: row.seq, mutationId: row.mutationId }];
  });
  const sent = await Promise.all(wanted.map((content) => tx.objectStore('sentContents').get(sentId(content))));
  return wanted.filter((_content, index) => sent[index]?.run !== run);
}
