import { type Context, Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { FilterError } from '../../sw/protocol/errors.ts';
import { protocolVersion } from '../../sw/protocol/wire.ts';
import { authRoutes } from './http/auth-routes.ts';
import type { Environment, ServerContext } from './http/environment.ts';
import type { LiveFeed } from './http/live.ts';
import { otherProtocol, ProblemError, problemResponse } from './http/problem.ts';
import { restRoutes } from './http/rest-routes.ts';
import { checkExpectedUser, findSession, readAccounts } from './http/session.ts';
import { isPage, staticFile } from './http/static-files.ts';
import { syncRoutes } from './http/sync-routes.ts';

/** All that the server answers. */
export function createApp(server: ServerContext, feed: LiveFeed, appDir: string | null): Hono<Environment> {
  const app = new Hono<Environment>();

  const finish = (context: Context<Environment>, response: Response): Response => {
    const headers = new Headers(response.headers);
    headers.set('Sync-Protocol', String(protocolVersion));
    const session = context.get('session');
    if (session !== null) headers.set('Sync-User', encodeURIComponent(session.user));
    return new Response(response.body, { status: response.status, headers });
  };
  const failed = (error: unknown): Response => {
    if (error instanceof ProblemError) return problemResponse(error);
    if (error instanceof FilterError) {
      const { position, message, details } = error;
      return problemResponse(
        new ProblemError(400, 'filter', message, { position, caretLine: String(details['caretLine']) }),
      );
    }
    server.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return problemResponse(new ProblemError(500, 'server', 'The server failed. It has a note of it.'));
  };

  const withSession = createMiddleware<Environment>(async (context, next) => {
    context.set('session', null);
    context.set('accounts', []);
    try {
      const version = context.req.header('Sync-Protocol');
      if (version !== undefined && version !== String(protocolVersion)) throw otherProtocol();
      const accounts = await readAccounts(server.database);
      const session = findSession(context, accounts);
      context.set('accounts', accounts);
      context.set('session', session);
      // Signing in and out is how a mismatch ends.
      if (!context.req.path.startsWith('/auth/')) checkExpectedUser(context, session);
      await next();
    } catch (error) {
      context.res = failed(error);
    }
    context.res = finish(context, context.res);
  });
  for (const path of ['/api/*', '/sync/*', '/auth/*']) app.use(path, withSession);
  app.route('/api', restRoutes(server));
  app.route('/sync', syncRoutes(server, feed));
  app.route('/auth', authRoutes(server));
  app.get('/healthz', async (context) => {
    await server.database.query('select 1');
    return context.json({ status: 'ok' });
  });
  app.get('*', async (context) => {
    const { pathname } = new URL(context.req.url);
    const { method } = context.req;
    let file = appDir === null ? null : await staticFile(appDir, pathname, method);
    if (appDir !== null && file === null && isPage(pathname, context.req.header('Accept')))
      file = await staticFile(appDir, '/', method);
    return file ?? failed(new ProblemError(404, 'not-found', `There is nothing at ${pathname}.`));
  });
  app.notFound((context) => failed(new ProblemError(404, 'not-found', `There is nothing at ${context.req.path}.`)));
  app.onError((error) => failed(error));
  return app;
}
