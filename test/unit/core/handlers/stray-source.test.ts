import { describe, expect, it } from 'vitest';
import type { Handler } from '../../../../src/core/handlers/handler.ts';
import { typesInStack } from '../../../../src/core/handlers/stray-source.ts';

const handler = (source?: string): Handler => ({
  timeout: undefined,
  ...(source === undefined ? {} : { source }),
  execute: async () => ({ kind: 'done', result: null, enqueue: [] }),
});
const HANDLERS = new Map([
  ['fetch', handler('/etc/afd/handlers/fetch.mjs')],
  ['store', handler('/etc/afd/handlers/store.mjs')],
  ['command', handler()],
]);
const thrown = (...frames: string[]) =>
  Object.assign(new Error('stray'), { stack: ['Error: stray', ...frames.map((one) => `    at ${one}`)].join('\n') });

describe('whose an error is that nobody caught', () => {
  const own = new URL('../../../../src/core/log/log.ts', import.meta.url).pathname;

  it.each<[string, string[], string[]]>([
    ['the module in its stack, as a URL', ['t (file:///etc/afd/handlers/fetch.mjs:3:9)'], ['fetch']],
    ['the module in its stack, as a file', ['/etc/afd/handlers/store.mjs:3:9'], ['store']],
    [
      'any module next to the file in its stack',
      ['emit (node:events:518:28)', 'parse (/etc/afd/handlers/lib/parse.js:1:2)'],
      ['fetch', 'store'],
    ],
    ['nobody where only Node threw', ['TCPConnectWrap.afterConnect [as oncomplete] (node:net:1606:16)'], []],
    ['nobody where a package threw', ['Parser.parse (/etc/afd/handlers/node_modules/x/index.js:1:2)'], []],
    ['nobody where afd threw', [`write (${own}:1:2)`, '/etc/afd/handlers/fetch.mjs:3:9'], []],
  ])('%s', (_, frames, types) => {
    expect(typesInStack(thrown(...frames), HANDLERS)).toEqual(types);
  });

  it('is nobody’s for a value without a readable stack', () => {
    const odd = Object.defineProperty(new Error('odd'), 'stack', {
      get() {
        throw new Error('unreadable');
      },
    });
    for (const value of ['text', undefined, null, 7, odd]) expect(typesInStack(value, HANDLERS)).toEqual([]);
  });
});
