// Histories in which one thing is wrong, with the rule that is about it.
import { OF_FAILOVER } from './bad-failovers.ts';
import { GOOD } from './good-stories.ts';
import { Story } from './story.ts';

export const BAD: Array<[name: string, rule: number, story: () => Story]> = [
  ['an acknowledged task without a row', 1, () => new Story().line({ f: 'enqueue', key: 'k1', task: 1 })],
  ['an acknowledged task that is deleted', 1, () => GOOD['a task that is done at once']!().remove(1)],
  [
    'an answer that names the row of another key',
    1,
    () => done(new Story().enqueue(1).line({ f: 'enqueue', key: 'other', task: 1 })),
  ],
  [
    'a done parent without the task that its handler added',
    1,
    () => done(new Story().enqueue(1).line({ f: 'parent', task: 1 })),
  ],
  ['a row that nobody asked for', 2, () => done(new Story().insert(1, 'stranger'))],
  ['one key, two rows', 2, () => done(done(new Story().enqueue(1)).insert(2, 'k1'), 2)],
  ["a handler's task whose parent never was done", 2, () => done(new Story().enqueue(1).insert(2, 'child-9'), 1, 2)],
  ['a task that is completed twice', 3, () => GOOD['a task that is done at once']!().move(1, 'w2', { retry: 0 })],
  [
    'a completion that a worker got confirmed and that is not there',
    3,
    () => done(new Story().enqueue(1)).line({ f: 'complete', proc: 'w9', task: 1, attempt: 7, outcome: 'done' }),
  ],
  [
    'a claim over a claim that holds',
    4,
    () =>
      new Story()
        .enqueue(1)
        .claim(1, 'w1')
        .claim(1, 'w2')
        .end(1, 'w2', 'done', 'completed')
        .record(1, 1, 'w1', 'lost', { cause: 'foreign' }),
  ],
  [
    'two records of one task that are open together',
    4,
    () =>
      new Story()
        .enqueue(1)
        .claim(1, 'w1')
        .move(1, 'w1', { status: 'pending', token: null })
        .claim(1, 'w2')
        .end(1, 'w2', 'done', 'completed'),
  ],
  [
    'a deadline by the wrong clock',
    4,
    () => new Story().enqueue(1).claim(1, 'w1', {}, -560).end(1, 'w1', 'done', 'completed'),
  ],
  [
    'an attempt number that stands still',
    5,
    () => new Story().enqueue(1).claim(1, 'w1', { attempt: 0 }).end(1, 'w1', 'done', 'completed'),
  ],
  [
    'the end of an old claim, accepted while another holds the task',
    5,
    () =>
      new Story()
        .enqueue(1)
        .lead('w3')
        .claim(1, 'w1')
        .end(1, 'w1', 'pending', 'lost', { cause: 'device_dead', lost_count: 1, proc: 'w3' })
        .claim(1, 'w2')
        .move(1, 'w1', { status: 'done', token: null })
        .record(1, 1, 'w1', 'completed'),
  ],
  [
    'a task that ends while its record does not',
    5,
    () => new Story().enqueue(1).claim(1, 'w1').move(1, 'w1', { status: 'done', token: null }),
  ],
  [
    'a record that ends while its task does not',
    5,
    () =>
      new Story()
        .enqueue(1)
        .claim(1, 'w1')
        .record(1, 1, 'w1', 'completed')
        .end(1, 'w1', 'done', 'completed', { proc: 'w2' }),
  ],
  ['a task and a record that disagree', 5, () => new Story().enqueue(1).claim(1, 'w1').end(1, 'w1', 'done', 'failed')],
  ['a move that the table does not know', 6, () => new Story().enqueue(1).move(1, 'w1', { status: 'done' })],
  [
    'a record that is lost after it was completed',
    6,
    () => done(new Story().enqueue(1).lead('w2')).record(1, 1, 'w1', 'lost', { cause: 'device_dead', proc: 'w2' }),
  ],
  ['a start that is written after the end', 6, () => done(new Story().enqueue(1)).record(1, 1, 'w1', 'running')],
  [
    'a token that stays behind',
    6,
    () => new Story().enqueue(1).claim(1, 'w1').end(1, 'w1', 'done', 'completed', { token: 'x' }),
  ],
  ['a term that is given twice', 7, () => new Story().lead('w1').lead('w2', { term: 1 })],
  ['a term that goes back', 7, () => new Story().lead('w1').lead('w2').lead('w1', { term: 1 })],
  ['a renewal of a lease that is over', 7, () => new Story().lead('w1').wait(5).lead('w1', { term: 1 })],
  ["a lease by a node's clock", 7, () => new Story().lead('w1', { lease_s: 604 })],
  [
    'a rescue by a leader whose term is over',
    7,
    () =>
      done(
        new Story()
          .enqueue(1)
          .lead('w2')
          .lead('w3')
          .claim(1, 'w1')
          .end(1, 'w1', 'pending', 'lost', { cause: 'device_dead', lost_count: 1, proc: 'w2' }),
      ),
  ],
  ['a device declared dead after the lease', 7, () => new Story().lead('w2').wait(5).dead('w1', 'w2')],
  [
    'a retry beyond the budget',
    9,
    () =>
      done(
        new Story()
          .enqueue(1)
          .move(1, 'producer', { retry: 2 })
          .claim(1, 'w1')
          .end(1, 'w1', 'pending', 'failed', { retry: 3, due_in_s: 9 }),
      ),
  ],
  [
    'a retry that does not wait',
    9,
    () => done(new Story().enqueue(1).claim(1, 'w1').end(1, 'w1', 'pending', 'failed', { retry: 1, due_in_s: 0 })),
  ],
  ['a claim before the task is due', 9, () => done(new Story().enqueue(1).move(1, 'producer', { due_in_s: 30 }))],
  [
    'poison after a single death',
    9,
    () =>
      new Story()
        .enqueue(1)
        .lead('w2')
        .claim(1, 'w1')
        .end(1, 'w1', 'failed', 'lost', { cause: 'device_dead', lost_count: 1, proc: 'w2' }),
  ],
  ['one attempt that ran twice', 10, () => done(new Story().enqueue(1)).ran(1, 1, 'w1').ran(1, 1, 'w2')],
  [
    'an attempt of which there is no record',
    10,
    () =>
      done(
        new Story()
          .enqueue(1)
          .move(1, 'w2', { status: 'running', attempt: 1, token: 't' })
          .move(1, 'w2', { status: 'pending', token: null }),
      ),
  ],
  ['an execution that nobody claimed', 10, () => done(new Story().enqueue(1)).ran(1, 2, 'w2')],
  [
    'two attempts at one time without a reason',
    10,
    () => {
      const story = new Story().enqueue(1).claim(1, 'w1').end(1, 'w1', 'pending', 'failed', { retry: 1, due_in_s: 1 });
      story.claim(1, 'w2').end(1, 'w2', 'done', 'completed').ran(1, 1, 'w1').ran(1, 2, 'w2');
      [story.ledger[1], story.ledger[2]] = [
        { ...story.ledger[1]!, mono_ns: '3' },
        { ...story.ledger[2]!, mono_ns: '2' },
      ];
      return story;
    },
  ],
  [
    'an attempt that was lost without a cause',
    10,
    () =>
      done(
        new Story()
          .enqueue(1)
          .lead('w2')
          .claim(1, 'w1')
          .ran(1, 1, 'w1', 'killed')
          .end(1, 'w1', 'pending', 'lost', { lost_count: 1, proc: 'w2' }),
      ).ran(1, 2, 'w1'),
  ],
  [
    'a task that failed at its deadline, and was never tried',
    13,
    () => new Story().enqueue(1).lead('w2').claim(1, 'w1').end(1, 'w1', 'failed', 'timeout', { retry: 3, proc: 'w2' }),
  ],
  [
    'a try that was spent on an attempt that never began',
    13,
    () => done(new Story().enqueue(1).claim(1, 'w1').end(1, 'w1', 'pending', 'failed', { retry: 1, due_in_s: 0 })),
  ],
  [
    'a blocked leader that renews for ever',
    14,
    () => blocked((story) => [3, 3, 3].reduce((told, s) => told.wait(s).lead('w1', { term: 1 }), story)),
  ],
  ['a blocked leader whom nobody follows', 14, () => blocked((story) => story.wait(1).lead('w1', { term: 1 }))],
  [
    'a fleet that stands still although a task is due',
    14,
    () => done(done(new Story().enqueue(1).enqueue(2)).wait(60), 2),
  ],
  [
    'a worker that stands still although a task is due',
    14,
    () => done(done(new Story().line({ f: 'ready', proc: 'w1' }).enqueue(1).enqueue(2)).wait(60), 2),
  ],
  [
    'a task that is passed over',
    14,
    () => {
      const story = new Story().enqueue(1, 'short-1').wait(2);
      for (let n = 2; n < 12; n += 1) done(story.wait(5).enqueue(n, `short-${n}`), n);
      return done(story);
    },
  ],
  ['an odd row that is left', 15, () => new Story().enqueue(1, 'odd-1')],
  [
    'an odd row that is done twice',
    15,
    () => done(done(new Story().enqueue(1, 'odd-1')).move(1, 'w1', { status: 'pending' })),
  ],
  ['a good row that is put aside', 15, () => new Story().enqueue(1).move(1, 'w1', { status: 'failed' })],
  ...OF_FAILOVER,
  ['a task that is still running at the end', 0, () => new Story().enqueue(1).claim(1, 'w1')],
  ['a process that ended by a bug', 0, () => new Story().line({ f: 'bug', proc: 'w1', message: 'E_INTERNAL' })],
];

function done(story: Story, ...tasks: number[]): Story {
  for (const task of tasks.length === 0 ? [1] : tasks) story.claim(task, 'w1').end(task, 'w1', 'done', 'completed');
  return story;
}

/** A leader whose handler holds up its event loop for three leases. */
function blocked(meanwhile: (story: Story) => void): Story {
  return new Story()
    .enqueue(1)
    .lead('w1')
    .claim(1, 'w1')
    .blocks(1, 1, 'w1', 12, meanwhile)
    .end(1, 'w1', 'done', 'completed');
}
