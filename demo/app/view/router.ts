import { parseRoute, type Route } from './route.ts';

export interface Router {
  navigate(path: string, options?: { readonly replace?: boolean }): void;
  /** Puts another address in the place of the page's; the page stays. */
  rename(path: string): void;
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
    rename(path) {
      history.replaceState(null, '', path);
    },
  };
}
