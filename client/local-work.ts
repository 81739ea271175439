import type { Draft } from '../sw/protocol/draft.ts';
import type { JsonRecord, RecordKey } from '../sw/protocol/record.ts';
import type { GroupOptions, GroupRequest, GroupResult } from '../sw/protocol/group.ts';
import type { ReceiveResult } from '../sw/protocol/receive.ts';
import type { ImportResult } from '../sw/protocol/unsent.ts';
import { RecordClient } from './record-client.ts';

/** The calls about work that has not gone out, drafts, and taking it along; and about what the server says by itself. */
export abstract class LocalWork extends RecordClient {
  draft(table: string, record: JsonRecord): Promise<Draft> {
    return this.call((worker) => worker.draft(table, record));
  }

  drafts(table: string): Promise<readonly Draft[]> {
    return this.read((worker) => worker.drafts(table));
  }

  async commit(table: string, key: RecordKey): Promise<JsonRecord> {
    const record = await this.call((worker) => worker.commit(table, key));
    this.wrote();
    return record;
  }

  async group(requests: readonly GroupRequest[], options: GroupOptions = {}): Promise<GroupResult> {
    const result = await this.call((worker) => worker.group(requests, options));
    this.wrote();
    return result;
  }

  receive(table: string, records: readonly (RecordKey | JsonRecord)[]): Promise<ReceiveResult> {
    return this.call((worker) => worker.receive(table, records));
  }

  discardDraft(table: string, key: RecordKey): Promise<boolean> {
    return this.call((worker) => worker.discardDraft(table, key));
  }

  async exportUnsent(): Promise<File> {
    const text = await this.read((worker) => worker.exportUnsent());
    return new File([text], 'unsent.json', { type: 'application/json' });
  }

  async importUnsent(file: Blob): Promise<ImportResult> {
    const text = await file.text();
    const result = await this.call((worker) => worker.importUnsent(text));
    this.wrote();
    return result;
  }
}
