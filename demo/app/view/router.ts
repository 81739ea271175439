export type Route =
  | { readonly type: 'places' }
  | { readonly type: 'visits' }
  | { readonly type: 'new-visit'; readonly placeId: string | null }
  | { readonly type: 'visit'; readonly key: string }
  | { readonly type: 'products' }
  | { readonly type: 'synchronization' }
  | { readonly type: 'status' }
  | { readonly type: 'conflicts'; readonly first: string | null }
  | { readonly type: 'missing' };

export function parseRoute(url: URL): Route {
  const [first, second, ...rest] = url.pathname.split('/').filter((part) => part !== '');
  if (rest.length > 0) return { type: 'missing' };
  if (first === 'visits' && second !== undefined) {
    if (second === 'new') return { type: 'new-visit', placeId: url.searchParams.get('place') };
    return { type: 'visit', key: decodeURIComponent(second) };
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

export interface Router {
  navigate(path: string, options?: { readonly replace?: boolean }): void;
}

/** Real addresses, turned without loading: the worker serves the shell for each, so that they open offline too. */
export function createRouter(onRoute: (route: Route) => void): Router {
  const show = (): void => {
    onRoute(parseRoute(new URL(location.href)));
  };
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.origin !== location.origin || link.target !== '' || link.hash !== '') return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, '', link.href);
    show();
  });
  window.addEventListener('popstate', show);
  return {
    navigate(path, options = {}) {
      if (options.replace === true) history.replaceState(null, '', path);
      else history.pushState(null, '', path);
      show();
    },
  };
}
