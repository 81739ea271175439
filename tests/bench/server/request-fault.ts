import type { Endpoint } from './http.ts';

const paths = ['/sync/upload', '/rest/items', '/rx/push', '/couch/_bulk_docs'];

/** Answers a request that carries changes with the fault that is due; one whose answer is lost goes on to its endpoint. */
export const requestFault: Endpoint = ({ request, response, url, state }) => {
  if (state.isHeld || request.method !== 'POST' || !paths.includes(url.pathname)) return false;
  const fault = state.requestFaults(state.attempts);
  state.attempts += 1;
  switch (fault) {
    case null:
      return false;
    case 'applied-then-dropped':
      response.writeHead = () => response;
      response.end = () => response.destroy();
      return false;
    case 'fails':
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end('Something went wrong.');
      return true;
    case 'login-page':
      response
        .writeHead(200, { 'Content-Type': 'text/html' })
        .end('<!doctype html><title>Welcome to our hotel</title><form>Room <input></form>');
      return true;
  }
};
