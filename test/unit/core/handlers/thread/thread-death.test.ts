import { expect, it } from 'vitest';
import { type Death, type Left, outcomesAfterDeath } from '../../../../../src/core/handlers/thread/thread-death.ts';

const left = (id: number, more: Partial<Left> = {}): Left => ({
  ...{ id, begun: true, aborted: undefined, timeout: 30 },
  ...more,
});
const kinds = (death: Death, all: Left[]) => outcomesAfterDeath(death, all).map((one) => one.kind);

it.each<[string, Death, Left[], string[]]>([
  ['the culprit pays, its neighbours do not', { kind: 'memory', id: 2 }, [left(1), left(2)], ['released', 'retry']],
  ['alone it was it', { kind: 'memory', id: 0 }, [left(1)], ['retry']],
  [
    'alone with what has not begun, it was it',
    { kind: 'memory', id: 0 },
    [left(1), left(2, { begun: false })],
    ['retry', 'released'],
  ],
  [
    'nobody known: all that had begun',
    { kind: 'vanished', id: 0, message: 'm' },
    [left(1), left(2)],
    ['retry', 'retry'],
  ],
  [
    'a heap filled by what has ended: all that had begun',
    { kind: 'memory', id: 9 },
    [left(1), left(2)],
    ['retry', 'retry'],
  ],
  [
    'a timer of what has ended: nobody',
    { kind: 'crash', id: 9, message: 'm', error_class: 'E' },
    [left(1), left(2)],
    ['released', 'released'],
  ],
  [
    'asked to end: what was aborted ends as its abort says',
    { kind: 'asked' },
    [left(1, { aborted: 'timeout' }), left(2)],
    ['timeout', 'released'],
  ],
  [
    'blocked: who was late because of another pays nothing',
    { kind: 'blocked', id: 2 },
    [left(1, { aborted: 'timeout' }), left(2)],
    ['released', 'retry'],
  ],
  [
    'blocked by nobody known: who was late is late',
    { kind: 'blocked', id: 0 },
    [left(1, { aborted: 'timeout' }), left(2)],
    ['timeout', 'released'],
  ],
  [
    'not loaded again: all have failed',
    { kind: 'unloaded', message: 'm', code: 'E_CONFIG' },
    [left(1, { begun: false })],
    ['retry'],
  ],
])('%s', (_name, death, all, expected) => {
  expect(kinds(death, all)).toEqual(expected);
});
