// What is no HTTP, or came too slowly: answered as far as it can be, and told in the log at most once a second.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, type Problem } from '../../http/problem.ts';

interface Answer {
  status: number;
  phrase: string;
  detail: string;
}

const ANSWERS: Record<string, Answer> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    phrase: 'Request Header Fields Too Large',
    detail: 'The headers of the request are too long.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    phrase: 'Payload Too Large',
    detail: 'The chunk extensions of the request are too long.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    phrase: 'Request Timeout',
    detail: 'The request did not arrive in time.',
  },
};
const MALFORMED: Answer = { status: 400, phrase: 'Bad Request', detail: 'This is not an HTTP request.' };

/** What Node answers on this socket just now; its types do not have it. */
export interface Answering extends Socket {
  _httpMessage?: { headersSent: boolean } | null;
}

/** For `clientError` of the server. `tell` gets a sentence for the log. */
export function answerMalformed(tell: (sentence: string) => void) {
  return (error: Error & { code?: string }, socket: Answering): void => {
    // An answer that has begun cannot be followed by another one that belongs to nothing.
    if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent === true) {
      socket.destroy();
      return;
    }
    const { status, phrase, detail } = ANSWERS[error.code ?? ''] ?? MALFORMED;
    const problem: Problem = {
      type: '/docs/errors#E_USAGE',
      title: phrase,
      status,
      detail,
      code: 'E_USAGE',
      suggestions: [],
      request_id: randomUUID(),
    };
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${status} ${phrase}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ].join('\r\n');
    socket.end(`${head}\r\n\r\n${body}`);
    // Nothing that comes now is read, and a client that does not close its end is not waited for.
    socket.destroySoon();
    tell(
      `a request from ${socket.remoteAddress ?? 'a closed connection'} was refused with ${status}: ${error.code ?? error.message}`,
    );
  };
}
