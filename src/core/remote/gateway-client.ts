// Calls of a remote worker to the gateways that it knows. It stays with one while that one answers, and turns to the next at once
// when it does not.
import type { z } from 'zod';
import type { DatabaseError } from '../db/database-error.ts';
import { AfdError } from '../domain/errors.ts';
import { isOfGateway, jsonOf, notUnderstood, refusal, unanswered } from './gateway-errors.ts';
import { CallFailed, type HttpAnswer, HttpConnections } from './http-call.ts';
import { TlsFiles, type TlsPaths } from './tls-files.ts';

export interface GatewayOptions {
  /** Without a path below the root of the gateway. */
  urls: readonly string[];
  apiKey: string | undefined;
  /** Of the certificate that it shows, and of the authorities that it believes. */
  tls?: TlsPaths | undefined;
  callTimeoutMs: number;
}

export interface Call<S extends z.ZodType> {
  method: 'GET' | 'POST';
  /** Below /api/v1/. */
  path: string;
  body?: unknown;
  answer: S;
  /** Once more, of another gateway, where the first one may have carried it out. */
  repeatable: boolean;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Which gateway is asked: shared by the clients of a thread, so that all leave one that fails. */
export class GatewayChoice {
  readonly urls: readonly string[];
  readonly #onNext: () => void;
  #at = 0;

  /** `onNext`: another one is asked from now on. */
  constructor(urls: readonly string[], onNext: () => void = () => {}) {
    this.urls = urls;
    this.#onNext = onNext;
  }

  get current(): string {
    return this.urls[this.#at]!;
  }

  /** The next one takes its place, unless that has happened already. */
  failed(url: string): void {
    if (this.current !== url || this.urls.length === 1) return;
    this.#at = (this.#at + 1) % this.urls.length;
    this.#onNext();
  }
}

export class GatewayClient {
  readonly choice: GatewayChoice;
  readonly #o: GatewayOptions;
  readonly #connections = new Map<string, HttpConnections>();
  readonly #tls: TlsFiles | undefined;
  #compress = true;

  constructor(options: GatewayOptions, choice = new GatewayChoice(options.urls)) {
    this.#o = options;
    this.choice = choice;
    this.#tls = options.tls && new TlsFiles(options.tls);
  }

  /** The gateway that is asked now, for people. */
  get where(): string {
    return shownUrl(this.choice.current);
  }

  /**
   * @throws AfdError E_SUPERSEDED and others that the gateway says; DatabaseError: `refused` = nothing was carried out, `connection`
   * = that is unknown
   */
  async call<S extends z.ZodType>(call: Call<S>): Promise<z.output<S>> {
    let last: AfdError | undefined;
    for (let tried = 0; tried < this.choice.urls.length; tried += 1) {
      const url = this.choice.current;
      try {
        return await this.#ask(url, call);
      } catch (error) {
        if (!(error instanceof AfdError) || !isOfGateway(error) || call.signal?.aborted === true) throw error;
        this.choice.failed(url);
        last = error;
        // It may have been carried out: the caller finds out, with the next one.
        if (!call.repeatable && !(error as DatabaseError).refused) throw error;
      }
    }
    throw last!;
  }

  /** Cuts what is under way; the next call opens another connection. */
  cut(): void {
    for (const one of this.#connections.values()) one.close();
    this.#connections.clear();
  }

  async #ask<S extends z.ZodType>(url: string, call: Call<S>): Promise<z.output<S>> {
    const where = shownUrl(url);
    let answer = await this.#send(url, call);
    // A proxy or an older gateway that takes no compressed bodies.
    if (answer.status === 415 && this.#compress) {
      this.#compress = false;
      answer = await this.#send(url, call);
    }
    // Its certificate has ended while a newer one was there.
    if (answer.status === 401 && this.#tls !== undefined && (await this.#tls.texts(true)) !== answer.tls)
      answer = await this.#send(url, call);
    if (answer.status >= 300 || answer.status < 200) throw refusal(where, answer);
    const read = call.answer.safeParse(jsonOf(where, answer.text));
    if (read.success) return read.data;
    const { path = [], message = '' } = read.error.issues[0] ?? {};
    throw notUnderstood(where, `${path.join('.')}: ${message}`);
  }

  async #send(url: string, { method, path, body, timeoutMs, signal }: Call<z.ZodType>): Promise<HttpAnswer> {
    const { apiKey, callTimeoutMs } = this.#o;
    try {
      return await this.#to(url).call({
        ...{ method, signal, compress: this.#compress, timeoutMs: timeoutMs ?? callTimeoutMs },
        url: new URL(`${url}/api/v1/${path}`),
        headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (error) {
      if (error instanceof CallFailed) throw unanswered(shownUrl(url), error);
      throw error;
    }
  }

  #to(url: string): HttpConnections {
    let found = this.#connections.get(url);
    if (found === undefined) {
      found = new HttpConnections(url.startsWith('https:'), this.#tls);
      this.#connections.set(url, found);
    }
    return found;
  }
}

/** Without a password that it may contain. */
function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}
