/** Stands in for workbox-routing, whose one router is the whole process's: each worker of a world has routes of its own. */
export interface RouteRequest {
  readonly request: Request;
  readonly url: URL;
  readonly event: object;
}

export interface Route {
  readonly matches: (match: { readonly request: Request; readonly url: URL }) => unknown;
  readonly handler: (request: RouteRequest) => Promise<Response>;
  readonly method: string;
}

let collecting: Route[] | null = null;

/** @public the name under which the worker's code imports it */
export function registerRoute(matches: Route['matches'], handler: Route['handler'], method = 'GET'): void {
  collecting?.push({ matches, handler, method });
}

/** The routes that are registered meanwhile. */
export function collectRoutes(register: () => void): readonly Route[] {
  const routes: Route[] = [];
  collecting = routes;
  register();
  collecting = null;
  return routes;
}
