// One request over TLS, on a connection of its own unless an agent is given.
import { type Agent, request } from 'node:https';

export interface HttpsAnswer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the test says what it expects of an answer
  json: any;
}

export interface HttpsAsk {
  ca: string;
  cert?: string;
  key?: string;
  headers?: Record<string, string>;
  /** Makes it a POST of JSON. */
  body?: unknown;
  agent?: Agent;
}

export function askHttps(url: string, { ca, cert, key, headers = {}, body, agent }: HttpsAsk): Promise<HttpsAnswer> {
  const [method, type] = body === undefined ? ['GET', {}] : ['POST', { 'content-type': 'application/json' }];
  const own = cert === undefined ? {} : { cert, key };
  return new Promise((resolve, reject) => {
    const options = { ca, ...own, method, headers: { ...type, ...headers }, agent: agent ?? false };
    const sent = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const json = text.startsWith('{') ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode!, headers: response.headers, text, json });
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
