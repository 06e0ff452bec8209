import { describe, expect, it } from 'vitest';
import { failedAttempt, resultOutcome, thrownOutcome } from '../../../../../src/core/domain/attempt/handler-result.ts';
import { later, permanent, retry } from '../../../../../src/core/handlers/control.ts';

const now = Date.parse('2026-11-24T08:00:00Z');
const result = (value: unknown) => resultOutcome(value, { now });
const thrown = (error: unknown) => thrownOutcome(error, { now });
const bytes = (text: string) => Buffer.byteLength(text);

describe('a value', () => {
  it('without a status is the result of a done task', () => {
    for (const value of [{ rows: 3 }, [1], 'text', 0, false, null, { status: 404 }, { status: null }]) {
      expect(result(value)).toEqual({ kind: 'done', result: value, enqueue: [] });
    }
    expect(result(undefined)).toEqual({ kind: 'done', result: null, enqueue: [] });
  });

  it('with status done or completed is done with its result, or with the rest of itself', () => {
    expect(result({ status: 'done', result: [1, 2] })).toMatchObject({ kind: 'done', result: [1, 2] });
    expect(result({ status: 'completed', rows: 2 })).toMatchObject({ kind: 'done', result: { rows: 2 } });
    expect(result({ status: 'done', result: undefined, rows: 1 })).toMatchObject({ kind: 'done', result: null });
  });

  it('is copied, so that a handler which goes on changing it changes nothing', () => {
    const value = { rows: 1 };
    const outcome = result(value);
    value.rows = 2;
    expect(outcome).toMatchObject({ result: { rows: 1 } });
  });
});

describe('F1 an answer that is not a success', () => {
  it('F1 {status: "error"} is never done, whatever else it holds', () => {
    for (const status of ['error', 'failed', 'retry']) {
      const outcome = result({ status, result: { rows: 5 }, enqueue: [{ task_type: 'next' }], error_message: 'no' });
      expect(outcome).toEqual({ kind: 'retry', error_message: 'no', error_class: 'HandlerFailed' });
    }
  });

  it('F1 an unknown status word is a failed attempt that names the word', () => {
    for (const status of ['DONE', 'success', 'ok', '', 'constructor', 'zero']) {
      const outcome = result({ status, rows: 5 });
      expect(outcome).toMatchObject({ kind: 'retry', error_class: 'UnknownStatus' });
      expect(outcome).toHaveProperty('error_message', expect.stringContaining(`"${status}"`));
    }
  });

  it('F1 an object of a class, and an error that is returned instead of thrown, are no success either', () => {
    class Answer {
      status = 'error';
      error = 'inside a class';
    }
    expect(result(new Answer())).toMatchObject({ kind: 'retry', error_message: 'inside a class' });
    expect(result(new TypeError('returned'))).toMatchObject({
      kind: 'retry',
      error_message: 'returned',
      error_class: 'TypeError',
    });
  });

  it('takes its text from error_message, error or message, also from an error inside', () => {
    expect(result({ status: 'error', error: 'a', message: 'b' })).toMatchObject({ error_message: 'a' });
    expect(result({ status: 'error', message: 'b' })).toMatchObject({ error_message: 'b' });
    expect(result({ status: 'error', error: new Error('c') })).toMatchObject({ error_message: 'c' });
    expect(result({ status: 'error', error: { code: 17 } })).toMatchObject({ error_message: '{"code":17}' });
    expect(result({ status: 'error' })).toHaveProperty('error_message', expect.stringContaining('without a message'));
  });

  it('may say when to try again', () => {
    expect(result({ status: 'retry', after: '5m' })).toMatchObject({ kind: 'retry', after: 300 });
    expect(result({ status: 'error', until: '2026-11-24T08:01:00Z' })).toMatchObject({ kind: 'retry', after: 60 });
  });
});

describe('later and permanent', () => {
  it('later takes seconds, a duration or an instant, and a minute when it says nothing', () => {
    const wait = (said: object) => (result({ status: 'later', ...said }) as { after: number }).after;
    expect(wait({ after: 7 })).toBe(7);
    expect(wait({ after: '2h' })).toBe(7200);
    expect(wait({ until: '2026-11-24T16:00:30+08:00' })).toBe(30);
    expect(wait({ until: '2020-01-01T00:00:00Z' })).toBe(0);
    expect(wait({})).toBe(60);
    expect(wait({ after: 1e300 })).toBeLessThan(1e9);
  });

  it('permanent is permanent', () => {
    expect(result({ status: 'permanent', message: 'gone' })).toEqual({
      ...{ kind: 'permanent', error_message: 'gone', error_class: 'HandlerFailed' },
    });
  });
});

describe('what was thrown', () => {
  it('is a failed attempt with its name, its text and its causes', () => {
    const error = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    expect(thrown(error)).toEqual({
      kind: 'retry',
      error_message: 'fetch failed (cause: connect ECONNREFUSED)',
      error_class: 'TypeError',
    });
    class QuotaError extends Error {}
    expect(thrown(new QuotaError('x'))).toMatchObject({ error_class: 'QuotaError' });
  });

  it('may be anything at all', () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('trap'); } }); // biome-ignore format: one line
    for (const error of [
      undefined,
      null,
      0,
      '',
      'text',
      {},
      [],
      Symbol('s'),
      () => 1,
      hostile,
      new AggregateError([]),
    ]) {
      const outcome = thrown(error);
      expect(outcome).toMatchObject({ kind: 'retry', error_class: expect.stringMatching(/./) });
      expect(outcome).toHaveProperty('error_message', expect.stringMatching(/./));
    }
  });

  it('says by its outcome how the attempt ends', () => {
    expect(thrown(later('5m', 'quota'))).toEqual({ kind: 'later', error_message: 'quota', after: 300 });
    expect(thrown(later(new Date(now + 5000), 'quota'))).toMatchObject({ kind: 'later', after: 5 });
    expect(thrown(permanent('gone'))).toEqual({ kind: 'permanent', error_message: 'gone', error_class: 'Permanent' });
    expect(thrown(retry(9, 'busy'))).toMatchObject({ kind: 'retry', error_message: 'busy', after: 9 });
    expect(thrown(retry())).toEqual({ kind: 'retry', error_message: 'failed', error_class: 'Retry' });
  });

  it('needs nothing of afd for that', () => {
    expect(thrown({ outcome: 'later', after: 3, message: 'm' })).toEqual({
      kind: 'later',
      error_message: 'm',
      after: 3,
    });
    expect(thrown(Object.assign(new Error('m'), { outcome: 'done' }))).toMatchObject({ kind: 'retry' });
  });
});

describe('F5 what is stored can be stored', () => {
  it('F5 an over-long error text is cut inside 8 KB, never inside a character', () => {
    for (const text of ['x'.repeat(100_000), '错'.repeat(50_000), '😀'.repeat(50_000), `a${'😀'.repeat(5000)}`]) {
      const outcome = thrown(new Error(text)) as { error_message: string };
      expect(bytes(outcome.error_message)).toBeLessThanOrEqual(8192);
      expect(bytes(outcome.error_message)).toBeGreaterThan(8180);
      expect(outcome.error_message).toMatch(/…$/);
      expect(outcome.error_message).not.toContain('\ufffd');
    }
    expect(bytes((failedAttempt('y'.repeat(8192), 'C') as { error_message: string }).error_message)).toBe(8192);
  });

  it('F5 control characters, terminal sequences and half surrogates are taken out, lines are kept', () => {
    const outcome = failedAttempt('\u001b[31mred\u001b[0m\u0000\u0007 a\r\nb\tc\ud800', 'a b\u0000'.repeat(50));
    expect(outcome).toMatchObject({ error_message: 'red a\nb\tc\ufffd' });
    expect((outcome as { error_class: string }).error_class).toMatch(/^[\w.:-]{1,64}$/);
  });

  it('F5 a result that JSON or the server cannot hold is a failed attempt', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    const hostile = { toJSON: () => { throw new Error('no'); } }; // biome-ignore format: one line
    for (const value of [cyclic, { n: 1n }, 1n, () => 1, Symbol('s'), deep(32), 'x'.repeat(4 * 1024 * 1024), hostile]) {
      expect(result(value)).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
      expect(result({ status: 'done', result: value })).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
    }
    expect(result(deep(31))).toMatchObject({ kind: 'done' });
    expect(resultOutcome('错'.repeat(10), { now, max_bytes: 32 })).toMatchObject({ kind: 'done' });
    expect(resultOutcome('错'.repeat(10), { now, max_bytes: 31 })).toMatchObject({
      kind: 'retry',
      error_message:
        'The result of the handler has 32 bytes as JSON; the maximum is 31. ' +
        'Store large data elsewhere (a file, a table), and return where it is.',
    });
  });

  it('F5 half surrogates in a result become U+FFFD, since both servers refuse them', () => {
    expect(result({ 'k\udc00': ['a\ud800', '😀'] })).toMatchObject({ result: { 'k\ufffd': ['a\ufffd', '😀'] } });
  });
});

describe('enqueue', () => {
  it('is taken from a done answer, with or without a status', () => {
    const task = { task_type: 'next', dedupe_key: 'k' };
    expect(result({ status: 'done', enqueue: [task], rows: 1 })).toEqual({
      ...{ kind: 'done', result: { rows: 1 }, enqueue: [task] },
    });
    expect(result({ enqueue: [task], rows: 1 })).toEqual({ kind: 'done', result: { rows: 1 }, enqueue: [task] });
    expect(result({ enqueue: [], result: 5 })).toEqual({ kind: 'done', result: 5, enqueue: [] });
  });

  it('finding B8: makes no difference to what is stored', () => {
    const stored = (value: object) => (result(value) as { result: unknown }).result;
    for (const value of [{ result: { rows: 3 } }, { result: null }, { rows: 3 }, { result: { rows: 3 }, rows: 1 }]) {
      expect(stored({ ...value, enqueue: [] })).toEqual(stored(value));
    }
    expect(stored({ result: { rows: 3 } })).toEqual({ rows: 3 });
    expect(stored({ result: { rows: 3 }, seconds: 1 })).toEqual({ result: { rows: 3 }, seconds: 1 });
  });

  it('with one invalid task is a failed attempt with nothing enqueued', () => {
    const outcome = result({ status: 'done', enqueue: [{ task_type: 'ok' }, { task_typ: 'x' }] });
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'BadEnqueue' });
    expect(outcome).toHaveProperty('error_message', expect.stringContaining('task[1].task_typ is unknown'));
    expect(result({ enqueue: { task_type: 'x' } })).toMatchObject({ kind: 'retry', error_class: 'BadEnqueue' });
  });
});
