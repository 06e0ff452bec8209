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
    for (let n = 0; n < 5; n += 1) complaints.failed('figures', refused('no room'));
    expect(said).toEqual(['figures failed: no room']);
    now = 1000;
    complaints.worked('figures', 1000);
    now = 5000;
    complaints.failed('figures', refused('no room'));
    now = 6000;
    complaints.worked('figures', 1000);
    now = 15_999;
    complaints.worked('figures', 1000);
    expect(said).toHaveLength(1);
    now = 16_000;
    complaints.worked('figures', 1000);
    expect(said).toEqual(['figures failed: no room', 'figures works after 16000']);
    complaints.failed('figures', refused('no room'));
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
    expect(said).toHaveLength(2);
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
  const away = () => {
    for (const duty of ['publish-lanes', 'watch', 'figures']) complaints.failed(duty, lost());
  };

  test('that the process has reported is reported by no duty', () => {
    events.emit('database:lost', { message: 'gone' });
    for (; now < 60_000; now += 500) away();
    events.emit('database:back', { after_ms: now, server: 'db:1' });
    for (const duty of ['publish-lanes', 'watch', 'figures']) complaints.worked(duty, 1000);
    expect(said).toEqual([]);
    expect(complaints.takeChanged()).toBeUndefined();
  });

  test('that nobody has reported is logged once after ten seconds, for all duties, and once when it is over', () => {
    for (; now < 9500; now += 500) away();
    expect(said).toEqual([]);
    for (; now < 60_000; now += 500) away();
    expect(said).toEqual(['every duty failed: did not answer']);
    complaints.worked('watch', 1000);
    complaints.worked('figures', 1000);
    expect(said).toEqual(['every duty failed: did not answer', 'every duty works after 60000']);
  });

  test('a duty that gets no answer while others do fails by itself', () => {
    complaints.failed('publish-lanes', lost());
    complaints.worked('watch', 1000);
    complaints.failed('publish-lanes', lost());
    expect(said).toEqual(['publish-lanes failed: did not answer']);
  });

  test('ends for a duty with its next answer: one cut connection is no news', () => {
    for (let n = 0; n < 5; n += 1) {
      complaints.failed('watch', lost());
      complaints.worked('watch', 1000);
      complaints.worked('figures', 1000);
    }
    expect(said).toEqual([]);
  });
});

test('failures of a round: three are named, the rest counted; a lost connection ends it', () => {
  const duty = { refused: (error: unknown) => (error as DatabaseError).retry === 'final' } as DutySession;
  const failures = new Failures(duty);
  for (let n = 0; n < 5; n += 1) failures.note(`task ${n}`, refused('too long'));
  expect(() => failures.end({ rescued: 7 })).toThrow(
    'task 0: too long; task 1: too long; task 2: too long; 2 more failures',
  );
  expect(() => failures.note('task 9', lost())).toThrow('did not answer');
  expect(new Failures(duty).end({ rescued: 7 })).toEqual({ rescued: 7 });
});
