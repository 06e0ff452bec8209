// Bodies in JSON: bounded in depth, since validation and storage walk through them by recursion.
import { AfdError } from '../../core/domain/errors.ts';
import type { App } from '../server/app-type.ts';
import { JSON_DEPTH } from './limits.ts';

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Whether brackets outside of texts are open deeper than `most`. Of what is not JSON the answer means nothing. */
export function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) inText = !inText;
    else if (inText) at += code === BACKSLASH ? 1 : 0;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > most) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1;
  }
  return false;
}

/** `__proto__` and `constructor.prototype` are refused by fastify's own parser, which does the rest. */
export function parseJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isDeeperThan(body, JSON_DEPTH)) {
      done(new AfdError('E_USAGE', `The body has more than ${JSON_DEPTH} levels of objects and lists.`));
      return;
    }
    parse(request, body, done);
  });
}
