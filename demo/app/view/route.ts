export type Route =
  | { readonly type: 'places' }
  | { readonly type: 'visits' }
  | { readonly type: 'new-visit'; readonly placeId: string | null }
  | { readonly type: 'visit'; readonly key: string }
  | { readonly type: 'task'; readonly key: string }
  | { readonly type: 'products' }
  | { readonly type: 'synchronization' }
  | { readonly type: 'status' }
  | { readonly type: 'conflicts'; readonly first: string | null }
  | { readonly type: 'missing' };

function keyIn(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

export function parseRoute(url: URL): Route {
  const [first, second, ...rest] = url.pathname.split('/').filter((part) => part !== '');
  if (rest.length > 0) return { type: 'missing' };
  if (first === 'visits' && second !== undefined) {
    if (second === 'new') return { type: 'new-visit', placeId: url.searchParams.get('place') };
    const key = keyIn(second);
    return key === null ? { type: 'missing' } : { type: 'visit', key };
  }
  if (first === 'tasks' && second !== undefined) {
    const key = keyIn(second);
    return key === null ? { type: 'missing' } : { type: 'task', key };
  }
  if (first === 'synchronization' && second === 'status') return { type: 'status' };
  if (first === 'synchronization' && second === 'conflicts') {
    return { type: 'conflicts', first: url.searchParams.get('record') };
  }
  if (second !== undefined) return { type: 'missing' };
  switch (first) {
    case undefined:
    case 'places':
      return { type: 'places' };
    case 'visits':
      return { type: 'visits' };
    case 'products':
      return { type: 'products' };
    case 'synchronization':
      return { type: 'synchronization' };
    default:
      return { type: 'missing' };
  }
}
