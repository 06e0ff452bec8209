import { beforeEach, describe, expect, test } from 'vitest';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import { Complaints } from '../../../../../src/core/leader/duty/complaints.ts';
import type { DutySession } from '../../../../../src/core/leader/duty/duty-session.ts';
import { Failures, PartsFailed } from '../../../../../src/core/leader/duty/failures.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';

const lost = () => new DatabaseError('E_DATABASE', 'did not answer', { retry: 'connection' });
const refused = (text: string) => new DatabaseError('E_FAILED', text, { retry: 'final' });
const parts = (...texts: string[]) =>
  new PartsFailed(
    texts.map((text, n) => ({ what: `task ${n}`, error: refused(text) })),
    {},
  );

let now: number;
let events: Events;
let complaints: Complaints;
let said: string[];

beforeEach(() => {
  now = 0;
  events = new Events();
  said = [];
  complaints = new Complaints(events, () => now);
  events.on('leader:duty-failed', ({ duty, message }) => said.push(`${duty} failed: ${message}`));
  events.on('leader:duty-works', ({ duty, after_ms }) => said.push(`${duty} works after ${after_ms}`));
});

describe('a duty that fails for a reason of its own', () => {
  test('is said once with its cause, and once when it has worked again for ten seconds', () => {
    const does = (at: number, what: 'failed' | 'worked') => {
      now = at;
      if (what === 'failed') complaints.failed('figures', refused('no room'));
      else complaints.worked('figures', 1000);
    };
    for (const at of [0, 0, 5000]) {
      does(at, 'failed');
      does(at + 1000, 'worked');
    }
    does(15_999, 'worked');
    expect(said).toEqual(['figures failed: no room']);
    does(16_000, 'worked');
    expect(said).toEqual(['figures failed: no room', 'figures works after 16000']);
    does(16_000, 'failed');
    expect(said).toHaveLength(3);
  });

  test('one that is seldom done works again at once', () => {
    complaints.failed('prune', refused('no lock'));
    complaints.worked('prune', 3_600_000);
    expect(said).toEqual(['prune failed: no lock', 'prune works after 0']);
  });

  test('is said again for another cause, not for another row, and never without end', () => {
    complaints.failed('health-check', parts('too long'));
    complaints.failed('health-check', parts('too long', 'too long'));
    expect(said).toHaveLength(1);
    complaints.failed('health-check', parts('too long', 'out of range'));
    expect(said[1]).toBe('health-check failed: task 0: too long; task 1: out of range');
    for (let n = 0; n < 50; n += 1) complaints.failed('health-check', parts(`cause ${n}`));
    expect(said).toHaveLength(5);
  });

  test('is stored when it changes, with how long it has lasted', () => {
    expect(complaints.takeChanged()).toBeUndefined();
    complaints.failed('figures', refused('no room'));
    now = 700;
    expect(complaints.takeChanged()).toEqual([{ duty: 'figures', message: 'no room', for_ms: 700 }]);
    complaints.failed('figures', refused('no room'));
    expect(complaints.takeChanged()).toBeUndefined();
    complaints.untaken();
    expect(complaints.takeChanged()).toHaveLength(1);
    complaints.worked('figures', 60_000);
    expect(complaints.takeChanged()).toEqual([]);
  });
});

describe('finding R4: an outage', () => {
  const DUTIES = ['publish-lanes', 'watch', 'figures'] as const;
  const awayUntil = (end: number) => {
    for (; now < end; now += 500) for (const duty of DUTIES) complaints.failed(duty, lost());
  };
  const back = () => {
    for (const duty of DUTIES) complaints.worked(duty, 1000);
  };

  test('that the process has reported is reported by no duty', () => {
    events.emit('database:lost', { message: 'gone' });
    awayUntil(60_000);
    events.emit('database:back', { after_ms: now, server: 'db:1' });
    back();
    expect([said, complaints.takeChanged()]).toEqual([[], undefined]);
  });

  test('that nobody has reported is logged once after ten seconds, for all duties, and once when it is over', () => {
    awayUntil(9500);
    expect(said).toEqual([]);
    awayUntil(60_000);
    back();
    expect(said).toEqual(['every duty failed: did not answer', 'every duty works after 60000']);
  });

  test('is of one duty that gets no answer while others do; one cut connection is no news', () => {
    for (let n = 0; n < 5; n += 1) {
      complaints.failed('watch', lost());
      back();
    }
    expect(said).toEqual([]);
    complaints.failed('publish-lanes', lost());
    complaints.worked('watch', 1000);
    complaints.failed('publish-lanes', lost());
    expect(said).toEqual(['publish-lanes failed: did not answer']);
  });
});

test('failures of a round: three are named, the rest counted; a lost connection ends it', () => {
  const duty = { refused: (error: unknown) => (error as DatabaseError).retry === 'final' } as DutySession;
  const failures = new Failures(duty);
  expect(failures.end({ rescued: 7 })).toEqual({ rescued: 7 });
  for (let n = 0; n < 5; n += 1) failures.note(`task ${n}`, refused('no'));
  expect(() => failures.end({})).toThrow('task 0: no; task 1: no; task 2: no; 2 more failures');
  expect(() => failures.note('task 9', lost())).toThrow('did not answer');
});
