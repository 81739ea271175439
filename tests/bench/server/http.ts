import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BenchState } from './state.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly state: BenchState;
}

/** Answers the request, or says that it is not for it. */
export type Endpoint = (exchange: Exchange) => Promise<boolean> | boolean;

export async function readBytes(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

async function readText(request: IncomingMessage): Promise<string> {
  return new TextDecoder().decode(await readBytes(request));
}

export function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  return objectOf(JSON.parse((await readText(request)) || '{}'));
}

export function listOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): true {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
    .end(text);
  return true;
}
