// One HTTP request over a kept connection, with a limit for the connecting and one for the whole.
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { TlsFiles, TlsTexts } from './tls-files.ts';

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
  /** What the connection was opened with. */
  tls: TlsTexts | undefined;
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
  readonly #secure: boolean;
  readonly #tls: TlsFiles | undefined;
  #agent: HttpAgent | HttpsAgent | undefined;
  #texts: TlsTexts | undefined;
  /** With connections that were opened with an older certificate, while something is under way on them. */
  #older = new Set<HttpAgent>();

  constructor(secure: boolean, tls?: TlsFiles) {
    this.#secure = secure;
    this.#tls = tls;
  }

  /** Cuts what is under way and what is idle. */
  close(): void {
    for (const one of [...this.#older, ...(this.#agent === undefined ? [] : [this.#agent])]) one.destroy();
    this.#older.clear();
  }

  /** @throws CallFailed; AfdError E_CONFIG: the files of the certificate cannot be used */
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
    const agent = await this.#agentNow();
    const tls = this.#texts;
    return { ...(await this.#send(call, agent, headers, sent)), tls };
  }

  /** New connections show the newest certificate; those that are open end with what is under way on them. */
  async #agentNow(): Promise<HttpAgent | HttpsAgent> {
    const texts = this.#secure ? await this.#tls?.texts() : undefined;
    if (this.#agent !== undefined && texts === this.#texts) return this.#agent;
    const old = this.#agent;
    if (old !== undefined) this.#retire(old);
    this.#texts = texts;
    const options = { keepAlive: true, scheduling: 'lifo' } as const;
    this.#agent = this.#secure ? new HttpsAgent({ ...options, ...texts }) : new HttpAgent(options);
    return this.#agent;
  }

  #retire(agent: HttpAgent): void {
    agent.maxFreeSockets = 0;
    for (const idle of Object.values(agent.freeSockets).flat()) idle?.destroy();
    for (const one of this.#older) if (Object.keys(one.sockets).length === 0) this.#older.delete(one);
    this.#older.add(agent);
  }

  #send(
    call: HttpCall,
    agent: HttpAgent,
    headers: Record<string, string>,
    body: string | Buffer | undefined,
  ): Promise<Omit<HttpAnswer, 'tls'>> {
    const { method, url, timeoutMs, signal } = call;
    return new Promise((resolve, reject) => {
      let connected = false;
      const open = this.#secure ? httpsRequest : httpRequest;
      const asked: ClientRequest = open(url, { method, headers, agent });
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
