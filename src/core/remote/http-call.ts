// One HTTP request over a kept connection, with a limit for the connecting and one for the whole.
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** How long a connection may take to be opened: another gateway is tried after that. */
export const CONNECT_MS = 2000;
/** An answer that is longer is not read. */
const MOST_BYTES = 64 * 1024 * 1024;
/** A shorter body is not worth the compression. */
const COMPRESS_FROM = 8 * 1024;

export interface HttpCall {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  /** JSON text. */
  body: string | undefined;
  compress: boolean;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

export interface HttpAnswer {
  status: number;
  retryAfterS: number | undefined;
  text: string;
}

/** A request without an answer. */
export class CallFailed extends Error {
  /** Nothing of the request was sent: there was no connection. */
  readonly unsent: boolean;
  /** The time was over. */
  readonly late: boolean;

  constructor(message: string, { unsent, late }: { unsent: boolean; late: boolean }) {
    super(message);
    this.unsent = unsent;
    this.late = late;
  }
}

/** Connections to one gateway, kept open between requests. */
export class HttpConnections {
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #secure: boolean;

  constructor(secure: boolean) {
    this.#secure = secure;
    const options = { keepAlive: true, scheduling: 'lifo' } as const;
    this.#agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Cuts what is under way and what is idle. */
  close(): void {
    this.#agent.destroy();
  }

  /** @throws CallFailed */
  async call(call: HttpCall): Promise<HttpAnswer> {
    const { body, compress } = call;
    const small = body === undefined || !compress || body.length < COMPRESS_FROM;
    const sent = small ? body : await promisify(gzip)(body, { level: 1 });
    const headers: Record<string, string> = { accept: 'application/json', 'accept-encoding': 'gzip', ...call.headers };
    if (sent !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(Buffer.byteLength(sent));
    }
    if (!small) headers['content-encoding'] = 'gzip';
    return this.#send(call, headers, sent);
  }

  #send(call: HttpCall, headers: Record<string, string>, body: string | Buffer | undefined): Promise<HttpAnswer> {
    const { method, url, timeoutMs, signal } = call;
    return new Promise((resolve, reject) => {
      let connected = false;
      const open = this.#secure ? httpsRequest : httpRequest;
      const asked: ClientRequest = open(url, { method, headers, agent: this.#agent });
      const end = () => {
        clearTimeout(whole);
        clearTimeout(connecting);
        signal?.removeEventListener('abort', cut);
      };
      const fail = (why: string, late = false) => {
        end();
        reject(new CallFailed(why, { unsent: !connected, late }));
        asked.destroy();
      };
      const cut = () => fail('the request was given up');
      const whole = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`, true), timeoutMs);
      const connecting = setTimeout(() => {
        if (!connected) fail(`no connection within ${CONNECT_MS / 1000} s`);
      }, CONNECT_MS);
      signal?.addEventListener('abort', cut, { once: true });
      asked.on('socket', (socket: Socket) => {
        if (!socket.connecting) connected = true;
        else
          socket.once(this.#secure ? 'secureConnect' : 'connect', () => {
            connected = true;
          });
      });
      asked.on('error', (error) => fail(error.message));
      asked.on('response', (response) => {
        readAll(response).then(
          (text) => {
            end();
            const after = Number(response.headers['retry-after']);
            const retryAfterS = Number.isFinite(after) ? after : undefined;
            resolve({ status: response.statusCode ?? 0, retryAfterS, text });
          },
          (error: Error) => fail(error.message),
        );
      });
      asked.end(body);
      if (signal?.aborted === true) cut();
    });
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    response.on('data', (part: Buffer) => {
      size += part.length;
      if (size > MOST_BYTES) reject(new Error(`the answer is longer than ${MOST_BYTES} bytes`));
      else parts.push(part);
    });
    response.once('end', () => resolve(Buffer.concat(parts)));
    response.once('error', reject);
    response.once('close', () => reject(new Error('the connection was closed before the answer was complete')));
  });
  if (response.headers['content-encoding'] !== 'gzip') return bytes.toString();
  return (await promisify(gunzip)(bytes, { maxOutputLength: MOST_BYTES })).toString();
}
