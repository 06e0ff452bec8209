// What a handler answers, to the letter: which words mean what, and what is said of those that mean nothing.
import { describe, expect, it } from 'vitest';
import {
  failedAttempt,
  resultOutcome,
  saidText,
  thrownOutcome,
  waitSeconds,
} from '../../../../../src/core/domain/attempt/handler-result.ts';

const now = Date.parse('2026-11-24T08:00:00Z');
const result = (value: unknown) => resultOutcome(value, { now });
const thrown = (error: unknown) => thrownOutcome(error, { now });
/** Whatever is read of it throws. */
const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('trap');
    },
  },
);

describe('a result', () => {
  it('keeps the keys next to enqueue, a number as status too', () => {
    const enqueue = [{ task_type: 'next' }];
    expect(result({ rows: 1, enqueue })).toEqual({ kind: 'done', result: { rows: 1 }, enqueue });
    expect(result({ status: 404, rows: 1, enqueue })).toEqual({
      kind: 'done',
      result: { status: 404, rows: 1 },
      enqueue,
    });
    expect(result({ status: undefined, rows: 1, enqueue })).toEqual({ kind: 'done', result: { rows: 1 }, enqueue });
    expect(result({ result: 5, enqueue })).toEqual({ kind: 'done', result: 5, enqueue });
    expect(result({ result: 5, rows: 1, enqueue })).toEqual({ kind: 'done', result: { result: 5, rows: 1 }, enqueue });
    expect(result({ status: 'done', enqueue: null })).toEqual({ kind: 'done', result: {}, enqueue: [] });
  });

  it('that says itself what it is as JSON is that', () => {
    expect(result(new Date(0))).toEqual({ kind: 'done', result: '1970-01-01T00:00:00.000Z', enqueue: [] });
  });

  it('that stands alone in "result" is what stands there', () => {
    expect(result({ result: [1] })).toEqual({ kind: 'done', result: [1], enqueue: [] });
    expect(result({ result: 5, rows: 1 })).toEqual({ kind: 'done', result: { result: 5, rows: 1 }, enqueue: [] });
  });

  it('that cannot be stored, or read, is a failed attempt that says why', () => {
    const bad = { kind: 'retry', error_class: 'BadResult' };
    expect(result(() => 1)).toEqual({
      ...bad,
      error_message: 'The result of the handler is a function, which JSON cannot represent.',
    });
    expect(result(hostile)).toEqual({ ...bad, error_message: 'The result of the handler cannot be read: trap' });
  });

  it('with tasks that are none is a failed attempt that says why', () => {
    const bad = { kind: 'retry', error_class: 'BadEnqueue' };
    expect(result({ enqueue: 5 })).toEqual({ ...bad, error_message: '"enqueue" must be an array of tasks.' });
    expect(result({ enqueue: [{}] })).toMatchObject({
      ...bad,
      error_message: expect.stringContaining('task_type is missing'),
    });
  });
});

describe('a status', () => {
  it.each(['error', 'failed', 'retry'])('%s is a failed attempt, with words of ours where it has none', (status) => {
    const error_message = `The handler returned status "${status}" without a message.`;
    expect(result({ status })).toStrictEqual({ kind: 'retry', error_message, error_class: 'HandlerFailed' });
    expect(result({ status, error_class: 'Mine', message: 'm' })).toStrictEqual({
      ...{ kind: 'retry', error_message: 'm', error_class: 'Mine' },
    });
  });

  it('that is unknown is named, the beginning of it, with those that are known', () => {
    expect(result({ status: `${'x'.repeat(100)}y` })).toStrictEqual({
      kind: 'retry',
      error_message:
        `The handler returned the unknown status "${'x'.repeat(100)}" (known: done, completed, error, failed, ` +
        'retry, later, permanent). Put data that has its own "status" field under "result".',
      error_class: 'UnknownStatus',
    });
  });
});

describe('what was thrown', () => {
  it('says how the attempt ends by its outcome, a function too; any other word is a failed attempt', () => {
    const later = Object.assign(() => {}, { outcome: 'later', after: 5 });
    expect(thrown(later)).toMatchObject({ kind: 'later', after: 5 });
    const done = Object.assign(new Error('m'), { outcome: 'done', after: 5 });
    expect(thrown(done)).toStrictEqual({ kind: 'retry', error_message: 'm', error_class: 'Error' });
    expect(thrown('later')).toStrictEqual({ kind: 'retry', error_message: 'later', error_class: 'Error' });
    expect(thrown(null)).toStrictEqual({ kind: 'retry', error_message: 'null', error_class: 'Error' });
    expect(thrown(undefined)).toMatchObject({ error_message: 'undefined was thrown' });
  });

  it('and cannot be read is a failed attempt that says so', () => {
    expect(thrown(hostile)).toStrictEqual({
      ...{
        kind: 'retry',
        error_message: 'The handler threw a value that cannot be read.',
        error_class: 'Unreadable',
      },
    });
  });
});

describe('a failed attempt', () => {
  it('has a time only where it was given one', () => {
    expect(failedAttempt('m', 'C')).toStrictEqual({ kind: 'retry', error_message: 'm', error_class: 'C' });
    expect(failedAttempt('m', 'C', 0)).toStrictEqual({ kind: 'retry', error_message: 'm', error_class: 'C', after: 0 });
  });
});

describe('the words of an answer', () => {
  it('are the first that say something', () => {
    expect(saidText({ error_message: '', error: null, message: undefined, reason: 'r' })).toBe('r');
    expect(saidText({ error_message: 'a', error: 'b', message: 'c', reason: 'd' })).toBe('a');
    expect(saidText({ error: 'b', message: 'c', reason: 'd' })).toBe('b');
    expect(saidText({ message: 'c', reason: 'd' })).toBe('c');
    expect(saidText({ message: 0 })).toBe('0');
    expect(saidText({})).toBeUndefined();
  });
});

describe('when an answer is tried again', () => {
  it('after a duration, or at a time; never before now, and never out of the range of a column', () => {
    expect(waitSeconds({}, now)).toBeUndefined();
    expect(waitSeconds({ after: null, until: null }, now)).toBeUndefined();
    expect(waitSeconds({ after: '5m', until: '2026-11-24T08:00:01Z' }, now)).toBe(300);
    expect(waitSeconds({ until: '2026-11-24T08:00:01Z' }, now)).toBe(1);
    expect(waitSeconds({ until: '2026-11-24T07:00:00Z' }, now)).toBe(0);
    expect(waitSeconds({ after: 1e12 }, now)).toBe(3650 * 86_400);
  });

  it('is said to be wrong where it cannot be read', () => {
    expect(() => waitSeconds({ after: 'soon' }, now)).toThrow('"after" is not a number of seconds or a duration: soon');
    expect(() => waitSeconds({ until: 'soon' }, now)).toThrow('"until" is not an ISO 8601 time with its zone: soon');
    const error_message = 'm ("after" is not a number of seconds or a duration: soon)';
    expect(result({ status: 'later', after: 'soon', message: 'm' })).toMatchObject({ kind: 'retry', error_message });
  });
});
