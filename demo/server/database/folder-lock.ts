import { readFile, rm, writeFile } from 'node:fs/promises';

/** What tells a running process from a later one of the same number, as far as the system says; null if there is none. */
async function identify(pid: number): Promise<string | null> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another account.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return null;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return String(pid);
  // The name before it may hold blanks and parentheses. A zombie has ended, but still has its number.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : `${pid} ${fields[19] ?? ''}`;
}

/**
 * Keeps a second server process out of the folder, which the embedded database itself does not: two would destroy its
 * files. A process that was killed leaves its file behind, which then names no running process and is replaced. Gives back
 * what ends the hold.
 */
export async function takeFolder(folder: string): Promise<() => Promise<void>> {
  const file = `${folder.replace(/[/\\]+$/, '')}.pid`;
  const written = await readFile(file, 'utf8').catch(() => '');
  const holder = Number.parseInt(written, 10);
  if (holder > 0 && holder !== process.pid && (await identify(holder)) === written) {
    throw new Error(
      `Process ${holder} is using ${folder}. Stop it, or name another folder in DATA_DIR. If it is no server of ` +
        `this demo, delete ${file}.`,
    );
  }
  await rm(file, { force: true });
  await writeFile(file, (await identify(process.pid)) ?? '', { flag: 'wx' });
  return () => rm(file, { force: true });
}
