import { describe, expect, it } from 'vitest';
import { decidesTheEnd, eventOf } from '../../../../../src/core/domain/attempt/said-event.ts';

describe('an event', () => {
  it.each<[type: string, said: object, taken: object]>([
    ['progress', { done: 1, more: 2 }, { done: 1, total: null, message: null }],
    ['metric', { name: ' rows  read ', value: -1.5 }, { name: 'rows read', value: -1.5 }],
    ['log', { message: '' }, { level: 'info', message: '', fields: {} }],
    ['log', { level: 'error', message: 'x', n: null }, { level: 'error', message: 'x', fields: { n: null } }],
    ['checkpoint', { value: null }, { value: null }],
    ['result', { value: [1] }, { value: [1] }],
    ['enqueue', { tasks: [] }, { tasks: [] }],
    ['enqueue', { task: { task_type: 'a' } }, { tasks: [{ task_type: 'a' }] }],
    ['later', { after: 5, message: ' ' }, { after: 5, message: 'The command asked for a later attempt.' }],
    ['later', { until: '2026-01-01T00:00:00Z', message: 'm' }, { until: '2026-01-01T00:00:00Z', message: 'm' }],
  ])('%s with %j is taken', (type, said, taken) => {
    expect(eventOf({ type, ...said })).toMatchObject({ type, ...taken });
  });

  it.each([
    [null, 'is not a JSON object'],
    [[{ type: 'result', value: 1 }], 'is not a JSON object'],
    [{}, 'has no type'],
    [{ type: 'toString' }, 'unknown type "toString"'],
    [{ type: 'progress' }, 'done'],
    [{ type: 'progress', done: -1 }, 'done is -1'],
    [{ type: 'progress', done: 1, total: '9' }, 'total is a string'],
    [{ type: 'metric', name: '', value: 1 }, 'not a name'],
    [{ type: 'metric', name: 'a' }, 'not a finite number'],
    [{ type: 'log' }, 'not a text'],
    [{ type: 'log', message: 'a', level: 'warning' }, 'none of debug, info, warn, error'],
    [{ type: 'checkpoint' }, 'no "value"'],
    [{ type: 'result' }, 'no "value"'],
    [{ type: 'enqueue' }, 'either'],
    [{ type: 'enqueue', task: {}, tasks: [] }, 'either'],
    [{ type: 'enqueue', task: { task_type: 'a', typo: 1 } }, '.typo is unknown'],
    [{ type: 'later', after: 'soon' }, 'not a number of seconds'],
    [{ type: 'later', until: 'tomorrow' }, 'ISO 8601'],
  ])('%j is refused', (given, problem) => {
    expect(eventOf(given)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

it('a broken line that may decide the end is known by its beginning', () => {
  for (const type of ['result', 'enqueue', 'later']) expect(decidesTheEnd(`{ "type" : "${type}", "value":`)).toBe(true);
  for (const line of ['{"type":"log","message":"result"', 'result']) expect(decidesTheEnd(line)).toBe(false);
});
