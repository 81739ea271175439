import { Hono } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { isJsonObject } from '../../../sw/protocol/record.ts';
import { readJson } from './body.ts';
import type { Environment, ServerContext } from './environment.ts';
import { ProblemError } from './problem.ts';
import { sessionCookie } from './session.ts';

/** Signing in without a password: the demo's users are there for everyone to try. */
export function authRoutes(server: ServerContext): Hono<Environment> {
  const routes = new Hono<Environment>();
  routes.post('/sign-in', async (context) => {
    const body = await readJson(context.req.raw, server.bodyLimitBytes);
    const name = isJsonObject(body) ? body['user'] : undefined;
    const account = context.get('accounts').find(({ user }) => user === name);
    if (account === undefined) throw new ProblemError(403, 'forbidden', 'There is no such user.');
    setCookie(context, sessionCookie, account.token, {
      httpOnly: true,
      sameSite: 'Lax',
      path: '/',
      maxAge: 30 * 24 * 60 * 60,
    });
    context.set('session', account);
    return context.json({ user: account.user, token: account.token });
  });
  routes.post('/sign-out', (context) => {
    deleteCookie(context, sessionCookie, { path: '/' });
    context.set('session', null);
    return context.body(null, 204);
  });
  // Nobody being signed in is an answer too, not an error in the console of each newcomer's page.
  routes.get('/session', (context) => context.json({ user: context.get('session')?.user ?? null }));
  return routes;
}
