import { describe, expect, it } from 'vitest';
import { parseRoute, type Route } from '../../demo/app/view/route.ts';

function routeOf(path: string): Route {
  return parseRoute(new URL(path, 'https://app.test'));
}

describe('an address of the demo', () => {
  it('leads to its page', () => {
    expect(routeOf('/')).toEqual({ type: 'places' });
    expect(routeOf('/visits/new?place=AD-1')).toEqual({ type: 'new-visit', placeId: 'AD-1' });
    expect(routeOf('/visits/a%2Fb')).toEqual({ type: 'visit', key: 'a/b' });
    expect(routeOf('/tasks/-12')).toEqual({ type: 'task', key: '-12' });
    expect(routeOf('/synchronization/status')).toEqual({ type: 'status' });
    expect(routeOf('/products/7')).toEqual({ type: 'missing' });
  });

  it('with a malformed percent sign leads nowhere', () => {
    expect(routeOf('/visits/100%')).toEqual({ type: 'missing' });
    expect(routeOf('/visits/%E0%A4%A')).toEqual({ type: 'missing' });
  });
});
