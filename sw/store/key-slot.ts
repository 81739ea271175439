/** A database's own key as it is stored beside the rows, in clear: useless without the secret. */
export interface KeySlot {
  readonly version: 1;
  /** Rounds of PBKDF2. */
  readonly iterations: number;
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly iv: Uint8Array<ArrayBuffer>;
  /** Under the key that the secret gives. */
  readonly wrapped: Uint8Array<ArrayBuffer>;
}
