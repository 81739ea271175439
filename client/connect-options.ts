/** An address that a Trusted Types policy made: a `TrustedScriptURL`, which not every browser and compiler knows. */
export interface TrustedAddress {
  toJSON(): string;
  toString(): string;
}

/** Options of `connectSync`. */
export interface ConnectOptions {
  /** Address of the app's worker script, of this origin; under Trusted Types a `TrustedScriptURL`. */
  readonly worker: string | TrustedAddress;
  /** The paths that the worker controls. @default the script's folder */
  readonly scope?: string;
  /** @default 'classic' */
  readonly type?: WorkerType;
}
