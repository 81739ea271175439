/**
 * The first `count` of the items in the order of a comparison that tells any two apart, sorted. For a short page of a long
 * list, a heap of the page's length sees each item once, and most of them only beside the last of the page.
 */
export function firstOf<T>(items: readonly T[], count: number, compare: (a: T, b: T) => number): readonly T[] {
  if (count * 8 >= items.length) return [...items].sort(compare);
  if (count <= 0) return [];
  // A heap whose root is the last of the page.
  const heap = items.slice(0, count).sort((a, b) => compare(b, a));
  for (let index = count; index < items.length; index += 1) {
    const [item, root] = [items[index], heap[0]];
    if (item === undefined || root === undefined || compare(item, root) >= 0) continue;
    sink(heap, item, compare);
  }
  return heap.sort(compare);
}

/** Puts an item in the root's stead, and where it belongs. */
function sink<T>(heap: T[], item: T, compare: (a: T, b: T) => number): void {
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    if (left === undefined) break;
    const isRight = right !== undefined && compare(right, left) > 0;
    const later = isRight ? right : left;
    if (compare(later, item) <= 0) break;
    heap[at] = later;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = item;
}
