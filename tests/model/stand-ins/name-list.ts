/** Stands in for the lists of names of fake-indexeddb; a name is had by `item`, not by its number. */
export class NameList {
  readonly #names: string[];

  constructor(...names: string[]) {
    this.#names = names;
  }

  get length(): number {
    return this.#names.length;
  }

  contains(name: string): boolean {
    return this.#names.includes(name);
  }

  item(index: number): string | null {
    return this.#names[index] ?? null;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#names.values();
  }

  /** What fake-indexeddb changes a list with. */
  _push(...names: string[]): void {
    this.#names.push(...names);
  }

  _sort(): void {
    this.#names.sort();
  }
}
