import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Runs a command until standard input closes, which it does however this process ends, SIGKILL included; then kills
 * whatever the command has started. Background commands of a shell have no standard input, hence the copy.
 */
const guard = `
exec 3<&0
"$@" &
(cat <&3; kill -s KILL -- -$$) >/dev/null 2>&1 &
wait
`;

export interface GuardedProcess {
  readonly process: ChildProcess;
  /** Kills it and all that it has started. */
  kill(): Promise<void>;
}

/** Starts a program in a process group of its own that does not outlive this process. */
export function startGuarded(
  program: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): GuardedProcess {
  const started = spawn('/bin/sh', ['-c', guard, 'guard', program, ...parameters], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => started.once('exit', () => resolve()));
  return {
    process: started,
    kill: async () => {
      const { pid } = started;
      if (pid !== undefined && started.exitCode === null && started.signalCode === null) {
        process.kill(-pid, 'SIGKILL');
        await ended;
      }
    },
  };
}
