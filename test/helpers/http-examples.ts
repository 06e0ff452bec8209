// The examples of docs/reference/http.md as requests: what a reader would paste into a shell.
import { FREE } from './json-shape.ts';

export interface HttpExample {
  id: string;
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** What the page says may come back. */
  answers: Array<{ status: number; type: string | undefined; text: string | undefined }>;
}

/** One for each operation of the page. */
export function examplesOf(page: string): HttpExample[] {
  return page
    .split('\n### ')
    .slice(1)
    .map((section) => {
      const id = section.slice(0, section.indexOf('\n'));
      const [, command = ''] = /```sh\n([\s\S]*?)\n```/.exec(section) ?? [];
      const answers = section.split('\nAnswer ').slice(1);
      return { id, ...requestOf(command), answers: answers.map(answerOf) };
    });
}

function answerOf(part: string): HttpExample['answers'][number] {
  const [, status, type] = /^(\d+), (?:`([^`]+)`:|without a body\.)/.exec(part) ?? [];
  const [, text] = /^[^\n]+\n\n```\w+\n([\s\S]*?)\n```/.exec(part) ?? [];
  return { status: Number(status), type, text };
}

function requestOf(command: string): Pick<HttpExample, 'method' | 'path' | 'headers' | 'body'> {
  const [program, ...words] = wordsOf(command);
  if (program !== 'curl') throw new Error(`no curl command: ${command}`);
  const request = {
    method: 'GET',
    path: '',
    headers: {} as Record<string, string>,
    body: undefined as string | undefined,
  };
  for (let n = 0; n < words.length; n += 1) {
    const word = words[n]!;
    if (word === '-sS' || word === '-N') continue;
    if (word === '-X') request.method = words[++n]!;
    else if (word === '-d') request.body = words[++n]!;
    else if (word === '-H') {
      const [name = '', value] = words[++n]!.split(': ');
      request.headers[name] = value ?? '';
    } else if (word.startsWith('$AFD_GATEWAY/')) request.path = word.slice('$AFD_GATEWAY'.length);
    else throw new Error(`what is ${word}?`);
  }
  return request;
}

/** As a POSIX shell splits them, as far as the page needs it. */
function wordsOf(command: string): string[] {
  const words = command.replaceAll('\\\n', '').match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g) ?? [];
  const plain = /'([^']*)'|"([^"]*)"|\\(.)/g;
  return words.map((word) => word.replace(plain, (_, single, double, escaped) => single ?? double ?? escaped));
}

/** Members of these are the user's own, or depend on the fleet. */
const OF_NO_SHAPE = new Set([...FREE, 'data', 'metrics', 'info', 'paths', 'components']);

/** Where an answer has what the example does not show, or another type: a line each. */
export function unlike(answer: unknown, example: unknown, at = ''): string[] {
  if (answer === null || example === null) return [];
  const kind = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);
  if (kind(answer) !== kind(example)) return [`${at} is ${kind(answer)}, not ${kind(example)}`];
  if (Array.isArray(answer)) {
    const [shown] = example as unknown[];
    // An empty list or object of the example says nothing of what may be in it.
    return shown === undefined ? [] : answer.flatMap((one, n) => unlike(one, shown, `${at}[${n}]`));
  }
  if (typeof answer !== 'object') return [];
  if (Object.keys(example as object).length === 0) return [];
  return Object.entries(answer as object).flatMap(([name, value]) => {
    if (!Object.hasOwn(example as object, name)) return [`${at}.${name} is not in the example`];
    return OF_NO_SHAPE.has(name) ? [] : unlike(value, (example as Record<string, unknown>)[name], `${at}.${name}`);
  });
}
