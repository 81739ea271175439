/**
 * Lets other events of the worker have their turn, for long work between transactions. Never inside a transaction, which
 * ends meanwhile.
 */
export function pause(): Promise<void> {
  // A timer waits 4 ms once it is nested; a message does not.
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
