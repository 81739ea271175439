export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The same work many times, one after the other. */
export async function timeEach(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = [];
  for (let index = 0; index < count; index += 1) seconds.push(await time(() => work(index)));
  return seconds;
}

export function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`The subject did not do its work: ${what}`);
}
