import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { byteStream } from './text-stream.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

async function sizeOf(file: string): Promise<number | null> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : null;
  } catch {
    return null;
  }
}

/**
 * A file of the built app, or null. Files below `assets/` bear a hash of their content in their name and never change; of
 * all others, the worker's script among them, the browser asks each time whether they did.
 */
export async function staticFile(folder: string, path: string, method: string): Promise<Response | null> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (decoded.includes('\0')) return null;
  const root = normalize(folder + sep);
  const file = join(root, decoded.endsWith('/') ? `${decoded}index.html` : decoded);
  if (!file.startsWith(root)) return null;
  const size = await sizeOf(file);
  if (size === null) return null;
  const headers = {
    'Content-Type': contentTypes[extname(file)] ?? 'application/octet-stream',
    'Content-Length': String(size),
    'Cache-Control': decoded.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  };
  if (method === 'HEAD' || size === 0) return new Response(null, { headers });
  return new Response(byteStream(createReadStream(file)), { headers });
}

/** Whether an address is a page of the app, which turns its pages itself: the same shell is served for each of them. */
export function isPage(path: string, accept: string | undefined): boolean {
  return (
    accept?.includes('text/html') === true && !/^\/(?:api|auth|sync|assets)(?:\/|$)/.test(path) && extname(path) === ''
  );
}
