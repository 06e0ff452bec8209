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
  it('is read from the module in its stack, as a file or as a URL', () => {
    expect(typesInStack(thrown('Timeout._onTimeout (file:///etc/afd/handlers/fetch.mjs:3:9)'), HANDLERS)).toEqual([
      'fetch',
    ]);
    expect(typesInStack(thrown('/etc/afd/handlers/store.mjs:3:9'), HANDLERS)).toEqual(['store']);
  });

  it('may be that of any module next to the file in its stack', () => {
    const stray = thrown('emit (node:events:518:28)', 'parse (/etc/afd/handlers/lib/parse.js:1:2)');
    expect(typesInStack(stray, HANDLERS)).toEqual(['fetch', 'store']);
  });

  it('is nobody’s where only Node, a package or afd threw', () => {
    const own = new URL('../../../../src/core/log/log.ts', import.meta.url).pathname;
    for (const frames of [
      ['TCPConnectWrap.afterConnect [as oncomplete] (node:net:1606:16)'],
      ['Parser.parse (/etc/afd/handlers/node_modules/x/index.js:1:2)'],
      [`write (${own}:1:2)`, '/etc/afd/handlers/fetch.mjs:3:9'],
    ]) {
      expect(typesInStack(thrown(...frames), HANDLERS)).toEqual([]);
    }
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
