// What a handler answers, and a command says while it runs, to the letter: which words mean what, and which nothing.
import { describe, expect, it } from 'vitest';
import {
  failedAttempt,
  resultOutcome,
  saidText,
  thrownOutcome,
  waitSeconds,
} from '../../../../../src/core/domain/attempt/handler-result.ts';
import { decidesTheEnd, eventOf } from '../../../../../src/core/domain/attempt/said-event.ts';
import { later, permanent, retry } from '../../../../../src/core/handlers/control.ts';

const now = Date.parse('2026-11-24T08:00:00Z');
const result = (value: unknown) => resultOutcome(value, { now });
const thrown = (error: unknown) => thrownOutcome(error, { now });
const failed = (error_message: string, error_class: string) => ({ kind: 'retry', error_message, error_class });
const bytes = (outcome: unknown) => Buffer.byteLength((outcome as { error_message: string }).error_message);
const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
/** Whatever is read of it throws. */
const trap = () => {
  throw new Error('trap');
};
const hostile = new Proxy({}, { get: trap });
const enqueue = [{ task_type: 'next' }];

describe('a value', () => {
  const plain = [{ rows: 3 }, [1], 'text', 0, false, null, { status: 404 }, { status: null }, { result: 5, rows: 1 }];
  it.each<[given: unknown, stored: unknown, tasks?: object[]]>([
    ...plain.map((one): [unknown, unknown] => [one, one]),
    [undefined, null],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ 'k\udc00': ['a\ud800', '😀'] }, { 'k\ufffd': ['a\ufffd', '😀'] }],
    [{ status: 'done', result: [1, 2] }, [1, 2]],
    [{ status: 'completed', rows: 2 }, { rows: 2 }],
    [{ status: 'done', result: undefined, rows: 1 }, null],
    [{ status: 'done', enqueue: null }, {}],
    [{ status: 'done', enqueue, rows: 1 }, { rows: 1 }, enqueue],
    [{ enqueue, rows: 1 }, { rows: 1 }, enqueue],
    [{ enqueue, rows: 1, status: 404 }, { rows: 1, status: 404 }, enqueue],
    [{ enqueue, rows: 1, status: undefined }, { rows: 1 }, enqueue],
  ])('is the result of a done task: %j', (given, stored, tasks = []) => {
    expect(result(given)).toEqual({ kind: 'done', result: stored, enqueue: tasks });
  });

  it('finding B8: that stands alone in "result" is what stands there, with tasks to enqueue or without', () => {
    const stored = (value: object) => (result(value) as { result: unknown }).result;
    for (const tasks of [{}, { enqueue }]) {
      expect(stored({ result: { rows: 3 }, ...tasks })).toEqual({ rows: 3 });
      expect(stored({ result: null, ...tasks })).toBeNull();
      expect(stored({ result: { rows: 3 }, seconds: 1, ...tasks })).toEqual({ result: { rows: 3 }, seconds: 1 });
    }
  });

  it('with tasks that are none is a failed attempt with nothing enqueued, and says why', () => {
    expect(result({ enqueue: 5 })).toEqual(failed('"enqueue" must be an array of tasks.', 'BadEnqueue'));
    const outcome = result({ status: 'done', enqueue: [{ task_type: 'ok' }, { task_typ: 'x' }] });
    expect(outcome).toMatchObject(failed(expect.stringContaining('task[1].task_typ is unknown'), 'BadEnqueue'));
  });
});

describe('F1 an answer that is not a success', () => {
  it.each(['error', 'failed', 'retry'])('F1 {status: "%s"} is never done, whatever else it holds', (status) => {
    const given = { status, result: { rows: 5 }, enqueue, error_message: 'no' };
    expect(result(given)).toStrictEqual(failed('no', 'HandlerFailed'));
    expect(result({ status, error_class: 'Mine', message: 'm' })).toStrictEqual(failed('m', 'Mine'));
    const silent = `The handler returned status "${status}" without a message.`;
    expect(result({ status })).toStrictEqual(failed(silent, 'HandlerFailed'));
  });

  const words = ['DONE', '', 'constructor', 'x'.repeat(101)];
  it.each(words)('F1 an unknown word is a failed attempt that names its beginning: %j', (status) => {
    const message =
      `The handler returned the unknown status "${status.slice(0, 100)}" (known: done, completed, error, failed, ` +
      'retry, later, permanent). Put data that has its own "status" field under "result".';
    expect(result({ status, rows: 5 })).toStrictEqual(failed(message, 'UnknownStatus'));
  });

  it('F1 an object of a class, and an error that is returned instead of thrown, are no success either', () => {
    class Answer {
      status = 'error';
      error = 'inside a class';
    }
    expect(result(new Answer())).toMatchObject({ kind: 'retry', error_message: 'inside a class' });
    expect(result(new TypeError('returned'))).toMatchObject(failed('returned', 'TypeError'));
  });

  it.each([
    [{ error_message: 'a', error: 'b', message: 'c', reason: 'd' }, 'a'],
    [{ error: 'b', message: 'c', reason: 'd' }, 'b'],
    [{ message: 'c', reason: 'd' }, 'c'],
    [{ error_message: '', error: null, message: undefined, reason: 'r' }, 'r'],
    [{ message: 0 }, '0'],
    [{ error: new Error('c') }, 'c'],
    [{}, undefined],
  ])('takes for its text the first that says something: %j', (said, text) => {
    expect(saidText(said)).toBe(text);
  });
});

describe('when an answer is tried again', () => {
  it.each<[said: Record<string, unknown>, seconds: number | undefined]>([
    [{ after: null, until: null }, undefined],
    [{}, undefined],
    [{ after: '5m', until: '2026-11-24T08:00:01Z' }, 300],
    [{ after: 7 }, 7],
    [{ until: '2026-11-24T16:00:30+08:00' }, 30],
    [{ until: '2026-11-24T07:00:00Z' }, 0],
    [{ after: 1e300 }, 3650 * 86_400],
  ])('%j is within the range of a column, and never before now', (said, seconds) => {
    expect(waitSeconds(said, now)).toBe(seconds);
    const later = { kind: 'later', error_message: 'm', after: seconds ?? 60 };
    expect(result({ status: 'later', message: 'm', ...said })).toEqual(later);
  });

  it('is said to be wrong where it cannot be read', () => {
    expect(() => waitSeconds({ until: 'soon' }, now)).toThrow('"until" is not an ISO 8601 time with its zone: soon');
    const error_message = 'm ("after" is not a number of seconds or a duration: soon)';
    expect(result({ status: 'later', after: 'soon', message: 'm' })).toMatchObject({ kind: 'retry', error_message });
    expect(failedAttempt('m', 'C', 0)).toStrictEqual({ ...failed('m', 'C'), after: 0 });
    expect(result({ status: 'retry', after: '5m' })).toMatchObject({ kind: 'retry', after: 300 });
  });
});

describe('what was thrown', () => {
  it('may be anything at all', () => {
    for (const anything of ['later', null]) expect(thrown(anything)).toStrictEqual(failed(String(anything), 'Error'));
    const done = Object.assign(new Error('m'), { outcome: 'done', after: 5 });
    expect(thrown(done)).toStrictEqual(failed('m', 'Error'));
    expect(thrown(undefined)).toStrictEqual(failed('undefined was thrown', 'Error'));
  });

  it('says by its outcome how the attempt ends, with a function of afd or without, as a function too', () => {
    expect(thrown(later('5m', 'quota'))).toEqual({ kind: 'later', error_message: 'quota', after: 300 });
    expect(thrown(later(new Date(now + 5000), 'quota'))).toMatchObject({ kind: 'later', after: 5 });
    for (const own of [{ message: 'm' }, () => {}])
      expect(thrown(Object.assign(own, { outcome: 'later', after: 5 }))).toMatchObject({ kind: 'later', after: 5 });
    const gone = { kind: 'permanent', error_message: 'gone', error_class: 'Permanent' };
    expect(thrown(permanent('gone'))).toEqual(gone);
    expect(result({ status: 'permanent', message: 'gone' })).toEqual({ ...gone, error_class: 'HandlerFailed' });
    expect(thrown(retry(9, 'busy'))).toMatchObject({ kind: 'retry', error_message: 'busy', after: 9 });
    expect(thrown(retry())).toEqual(failed('failed', 'Retry'));
  });

  it('and cannot be read is a failed attempt that says so, as is a result', () => {
    expect(thrown(hostile)).toStrictEqual(failed('The handler threw a value that cannot be read.', 'Unreadable'));
    expect(result(hostile)).toEqual(failed('The result of the handler cannot be read: trap', 'BadResult'));
  });
});

describe('F5 what is stored can be stored', () => {
  it('F5 an over-long error text is cut inside 8 KB, never inside a character', () => {
    for (const text of ['x'.repeat(100_000), '错'.repeat(50_000), `a${'😀'.repeat(5000)}`]) {
      const outcome = thrown(new Error(text));
      expect(bytes(outcome)).toBeLessThanOrEqual(8192);
      expect(bytes(outcome)).toBeGreaterThan(8180);
      expect(outcome).toMatchObject({ error_message: expect.stringMatching(/^[^\ufffd]*…$/) });
    }
  });

  it('F5 control characters, terminal sequences and half surrogates are taken out, lines are kept', () => {
    const outcome = failedAttempt('\u001b[31mred\u001b[0m\u0000\u0007 a\r\nb\tc\ud800', 'a b\u0000'.repeat(50));
    expect(outcome).toMatchObject(failed('red a\nb\tc\ufffd', expect.stringMatching(/^[\w.:-]{1,64}$/)));
  });

  it('F5 a result that JSON or the server cannot hold is a failed attempt that says why', () => {
    for (const value of [{ n: 1n }, nested(32), 'x'.repeat(4 * 1024 * 1024), { toJSON: trap }])
      expect(result({ status: 'done', result: value })).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
    const why = 'The result of the handler is a function, which JSON cannot represent.';
    expect(result(() => 1)).toEqual(failed(why, 'BadResult'));
    expect(result(nested(31))).toMatchObject({ kind: 'done' });
    expect(resultOutcome('错'.repeat(10), { now, max_bytes: 32 })).toMatchObject({ kind: 'done' });
    const long =
      'The result of the handler has 32 bytes as JSON; the maximum is 31. ' +
      'Store large data elsewhere (a file, a table), and return where it is.';
    expect(resultOutcome('错'.repeat(10), { now, max_bytes: 31 })).toEqual(failed(long, 'BadResult'));
  });
});

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
