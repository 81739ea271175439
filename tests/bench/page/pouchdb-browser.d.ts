/** As much of it as is used here; the package brings no types. */
declare module 'pouchdb-browser' {
  interface Replication {
    from(remote: string, options: { readonly batch_size: number }): Promise<unknown>;
    to(remote: string, options: { readonly batch_size: number }): Promise<unknown>;
  }

  export default class PouchDB {
    constructor(name: string, options?: { readonly auto_compaction?: boolean });
    readonly replicate: Replication;
    bulkDocs(documents: readonly object[]): Promise<unknown>;
    put(document: object): Promise<unknown>;
    get(id: string): Promise<object>;
    info(): Promise<{ readonly doc_count: number }>;
  }
}
