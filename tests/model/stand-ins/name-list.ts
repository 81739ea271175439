/** Stands in for the lists of names of fake-indexeddb. */
export class NameList extends Array<string> {
  contains(name: string): boolean {
    return this.includes(name);
  }

  item(index: number): string | null {
    return this[index] ?? null;
  }

  /** What fake-indexeddb changes a list with. */
  _push(...names: string[]): void {
    this.push(...names);
  }

  _sort(): void {
    this.sort();
  }
}
