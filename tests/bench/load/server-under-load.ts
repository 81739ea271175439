import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type PostgresCluster, startPostgres } from '../../support/postgres.ts';
import type { Answer, Ask } from './messages.ts';

export type DatabaseKind = 'pglite' | 'postgresql';

function isAnswer(message: unknown): message is Answer {
  return typeof message === 'object' && message !== null;
}

/** The demo's server in a process of its own, over an empty database. */
export class ServerUnderLoad {
  readonly kind: DatabaseKind;
  readonly #child: ChildProcess;
  readonly #cluster: PostgresCluster | undefined;
  readonly #folder: string;
  #url = '';

  private constructor(kind: DatabaseKind, child: ChildProcess, where: { cluster?: PostgresCluster; folder: string }) {
    this.kind = kind;
    this.#child = child;
    this.#cluster = where.cluster;
    this.#folder = where.folder;
  }

  static async start(kind: DatabaseKind): Promise<ServerUnderLoad> {
    const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-load-'));
    const cluster = kind === 'postgresql' ? await startPostgres() : undefined;
    const child = fork(path.join(import.meta.dirname, 'process.mjs'));
    const server = new ServerUnderLoad(kind, child, { folder, ...(cluster === undefined ? {} : { cluster }) });
    try {
      const { url } = await server.ask({
        type: 'start',
        databaseUrl: cluster?.url ?? null,
        dataDir: path.join(folder, 'data'),
      });
      server.#url = url ?? '';
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  async ask(ask: Ask): Promise<Answer> {
    const ended = new AbortController();
    const { signal } = ended;
    const exit = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('The server ended.');
    });
    const reply = once(this.#child, 'message', { signal });
    this.#child.send(ask);
    try {
      const received: readonly unknown[] = await Promise.race([reply, exit]);
      const answer = received[0];
      if (!isAnswer(answer)) throw new Error('The server answered something else.');
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    } finally {
      ended.abort();
      await Promise.allSettled([reply, exit]);
    }
  }

  async stop(): Promise<void> {
    await this.ask({ type: 'stop' }).catch(() => undefined);
    this.#child.kill();
    await this.#cluster?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
