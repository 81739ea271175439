/** Options of `connectSync`. */
export interface ConnectOptions {
  /** Address of the app's worker script, of this origin. */
  readonly worker: string;
  /** The paths that the worker controls. @default the script's folder */
  readonly scope?: string;
  /** @default 'classic' */
  readonly type?: WorkerType;
}
