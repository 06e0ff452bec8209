// Histories in which nothing is wrong.
import { Story } from './story.ts';

export const GOOD: Record<string, () => Story> = {
  'a task that is done at once': () =>
    new Story().enqueue(1).claim(1, 'w1').ran(1, 1, 'w1').end(1, 'w1', 'done', 'completed'),
  'a worker that dies, and its task done by another': () =>
    new Story()
      .enqueue(1)
      .lead('w2')
      .claim(1, 'w1')
      .ran(1, 1, 'w1', 'killed')
      .line({ f: 'kill', victim: 'w1' })
      .wait(1)
      .dead('w1', 'w2')
      .end(1, 'w1', 'pending', 'lost', { lost_count: 1, cause: 'device_dead', proc: 'w2' })
      .claim(1, 'w2')
      .ran(1, 2, 'w2')
      .end(1, 'w2', 'done', 'completed', { lost_count: 0 }),
  'a retry after its backoff, then the end of the budget': () =>
    new Story()
      .enqueue(1)
      .claim(1, 'w1')
      .ran(1, 1, 'w1')
      .end(1, 'w1', 'pending', 'failed', { retry: 1, due_in_s: 1 })
      .wait(1)
      .claim(1, 'w1')
      .ran(1, 2, 'w1')
      .end(1, 'w1', 'pending', 'timeout', { retry: 2, due_in_s: 2 })
      .wait(2)
      .claim(1, 'w2')
      .ran(1, 3, 'w2')
      .end(1, 'w2', 'failed', 'failed', { retry: 3 }),
  'a done task that an operator runs again': () =>
    new Story()
      .enqueue(1)
      .claim(1, 'w1')
      .ran(1, 1, 'w1')
      .end(1, 'w1', 'done', 'completed')
      .move(1, 'operator', { status: 'pending' })
      .claim(1, 'w1')
      .ran(1, 2, 'w1')
      .end(1, 'w1', 'done', 'completed'),
  'an enqueue without an answer, whose row is there': () =>
    new Story()
      .line({ f: 'enqueue', type: 'invoke', key: 'k1' })
      .line({ f: 'enqueue', type: 'info', key: 'k1' })
      .insert(1)
      .claim(1, 'w1')
      .end(1, 'w1', 'done', 'completed'),
  'a row that a foreign program set back while it ran': () => {
    const story = new Story().enqueue(1).lead('w2').claim(1, 'w1').ran(1, 1, 'w1', 'abort');
    story.foreign.add('foreign');
    return story
      .move(1, 'foreign', { status: 'pending' })
      .claim(1, 'w2')
      .record(1, 1, 'w1', 'lost', { cause: 'foreign', proc: 'w2' })
      .ran(1, 2, 'w2')
      .end(1, 'w2', 'done', 'completed');
  },
  'a deferred claim whose record is written after its deadline, since the database wrote nothing for 91 s': () =>
    late(-51)
      .end(1, 'w1', 'pending', 'released', { cause: 'unclaimed' })
      .claim(1, 'w2')
      .end(1, 'w2', 'done', 'completed'),
  'a deferred claim that was set back, materialized by the next claim': () => {
    const story = new Story().enqueue(1).move(1, 'w1', { status: 'running', attempt: 1, token: 't1' });
    story.foreign.add('foreign');
    return story
      .move(1, 'foreign', { status: 'pending' })
      .record(1, 1, 'w1', 'lost', { token: 't1', cause: 'foreign', proc: 'w2' })
      .claim(1, 'w2')
      .end(1, 'w2', 'done', 'completed');
  },
  'a record that is written once, at its end': () =>
    new Story()
      .enqueue(1)
      .move(1, 'w1', { status: 'running', attempt: 1, token: 't1' })
      .move(1, 'w1', { status: 'done', token: null })
      .record(1, 1, 'w1', 'completed', { token: 't1' }),
  'a record that a leader writes whole, before it moves the task': () =>
    new Story()
      .enqueue(1)
      .lead('w2')
      .move(1, 'w1', { status: 'running', attempt: 1, token: 't1' })
      .ran(1, 1, 'w1', 'killed')
      .record(1, 1, 'w1', 'lost', { token: 't1', cause: 'device_dead', proc: 'w2' })
      .move(1, 'w2', { status: 'pending', token: null, lost_count: 1 })
      .claim(1, 'w2')
      .ran(1, 2, 'w2')
      .end(1, 'w2', 'done', 'completed'),
  'a leader that renews, resigns and is followed': () =>
    new Story()
      .lead('w1')
      .wait(1)
      .lead('w1', { term: 1 })
      .lead('w1', { term: 1, holder: null, lease_s: null })
      .lead('w2'),
  'a leader that writes outside of its lease': () =>
    // The story's clock goes on by a millisecond with each event.
    new Story().lead('w1').wait(2).lead('w1', { term: 1, lease_s: 2 }),
  'a leader whose handler blocks, and who is followed': () =>
    new Story()
      .enqueue(1)
      .lead('w1')
      .claim(1, 'w1')
      .blocks(1, 1, 'w1', 12, (story) => story.wait(1).lead('w1', { term: 1 }).wait(4).lead('w2'))
      .end(1, 'w1', 'done', 'completed'),
  'a leader whose handler blocks while the database is away': () =>
    new Story()
      .enqueue(1)
      .lead('w1')
      .claim(1, 'w1')
      .line({ f: 'stop', proc: 'storm', victim: 'database', ms: 4000 })
      .blocks(1, 1, 'w1', 12, (story) => story.wait(3.5).lead('w1', { term: 1 }))
      .end(1, 'w1', 'done', 'completed'),
  'a task that waits while the database is away': () =>
    new Story()
      .enqueue(1)
      .line({ f: 'kill', proc: 'storm', victim: 'database' })
      .wait(40)
      .line({ f: 'database-up', proc: 'database', restart: true })
      .claim(1, 'w1')
      .end(1, 'w1', 'done', 'completed'),
  'a task that waits until a worker has started': () =>
    new Story()
      .line({ f: 'ready', proc: 'w1' })
      .enqueue(1)
      .wait(3)
      .line({ f: 'exit', proc: 'w1' })
      .wait(40)
      .line({ f: 'ready', proc: 'w1' })
      .claim(1, 'w1')
      .end(1, 'w1', 'done', 'completed'),
  'a task that waits while the machine gives the storm no time': () =>
    new Story()
      .enqueue(1)
      .wait(40)
      .line({ f: 'starved', proc: 'storm', type: 'info', ms: 38_000 })
      .claim(1, 'w1')
      .end(1, 'w1', 'done', 'completed'),
  'a task of another lane that waits behind the first': () => {
    const story = new Story().enqueue(1, 'slow-1').enqueue(2, 'quick-1').wait(2).enqueue(3, 'quick-2');
    for (const task of [2, 3]) story.claim(task, 'w1').end(task, 'w1', 'done', 'completed');
    for (let n = 4; n < 12; n += 1)
      story.wait(5).enqueue(n, `quick-${n}`).claim(n, 'w1').end(n, 'w1', 'done', 'completed');
    return story.claim(1, 'w1').end(1, 'w1', 'done', 'completed');
  },
  'an attempt that never began and is released': () =>
    new Story()
      .enqueue(1)
      .claim(1, 'w1')
      .end(1, 'w1', 'pending', 'released', { cause: 'blocked' })
      .claim(1, 'w2')
      .ran(1, 2, 'w2')
      .end(1, 'w2', 'done', 'completed'),
  'a task that goes on over a failover, and a leader of the new server': () =>
    new Story()
      .on('a')
      .enqueue(1)
      .enqueue(2)
      .lead('w2')
      .claim(1, 'w1')
      .on('b', 'kill-database')
      .lead('w2')
      .end(1, 'w1', 'done', 'completed')
      .on('a', 'switch-database')
      .claim(2, 'w1')
      .end(2, 'w1', 'done', 'completed'),
  'two nodes of Galera that are written to by turns until the fleet has gathered at one': () =>
    new Story()
      .line({ f: 'topology', proc: 'storm', type: 'info', name: 'galera' })
      .on('a', 'kill-database')
      .enqueue(1)
      .on('b')
      .claim(1, 'w1')
      .wait(9)
      .on('a')
      .enqueue(2)
      .on('b')
      .end(1, 'w1', 'done', 'completed')
      .wait(15)
      .claim(2, 'w1')
      .end(2, 'w1', 'done', 'completed'),
  'two nodes of Galera that are written to by turns when writes that hung for fifteen seconds are over': () =>
    hung().on('a').insert(2).on('b').end(1, 'w1', 'done', 'completed').claim(2, 'w1').end(2, 'w1', 'done', 'completed'),
  'odd rows, one done and one put aside': () =>
    new Story()
      .enqueue(1, 'odd-1')
      .enqueue(2, 'odd-2')
      .claim(1, 'w1', { attempt: 0 })
      .end(1, 'w1', 'done', 'completed')
      .move(2, 'w1', { status: 'failed' }),
};

/** A claim whose record comes 91 s later, with this deadline in seconds from then. */
export function late(deadline_in_s: number): Story {
  return new Story()
    .enqueue(1)
    .move(1, 'w1', { status: 'running', attempt: 1, token: 't1' })
    .wait(91)
    .record(1, 1, 'w1', 'assigned', { token: 't1', cause: 'deferred', proc: 'w2', deadline_in_s });
}

/** After a kill of a node of Galera, node `b` has begun a claim and an enqueue, and answers after 15 s. */
export function hung(): Story {
  return new Story()
    .line({ f: 'topology', proc: 'storm', type: 'info', name: 'galera' })
    .on('a', 'kill-database')
    .enqueue(1)
    .on('b')
    .claim(1, 'w1')
    .wait(1)
    .line({ f: 'enqueue', type: 'invoke', key: 'k2' })
    .wait(14)
    .line({ f: 'enqueue', task: 2, key: 'k2' });
}
