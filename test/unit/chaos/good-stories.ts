// Histories in which nothing is wrong.
import type { Story } from './story.ts';

export type Tell = (story: Story) => Story;

export const DIES = 'a worker that dies, and its task done by another';
export const UNANSWERED = 'an enqueue without an answer, whose row is there';

export const GOOD: Record<string, Tell> = {
  'a task that is done at once': (s) => s.enqueue().claim().ran().done(),
  [DIES]: (s) => {
    s.enqueue().lead('w2').claim().ran('killed').line('kill', { victim: 'w1' });
    return s.wait(1).dead('w1', 'w2').rescued().claim('w2').ran().done();
  },
  'a retry after its backoff, then the end of the budget': (s) => {
    s.enqueue().claim().ran().end('pending', 'failed', { retry: 1, due_in_s: 1 });
    s.wait(1).claim().ran().end('pending', 'timeout', { retry: 2, due_in_s: 2 });
    return s.wait(2).claim('w2').ran().end('failed', 'failed', { retry: 3 });
  },
  'a done task that an operator runs again': (s) =>
    s.enqueue().claim().ran().done().move('operator', { status: 'pending' }).claim().ran().done(),
  [UNANSWERED]: (s) =>
    s.line('enqueue', { type: 'invoke', key: 'k1' }).line('enqueue', { type: 'info', key: 'k1' }).insert().done(),
  'a row that a foreign program set back while it ran': (s) => {
    s.enqueue().lead('w2').claim().ran('abort').move('foreign', { status: 'pending' }).claim('w2');
    return s.record('lost', { attempt: 1, cause: 'foreign', proc: 'w2' }).ran().done();
  },
  'a deferred claim whose record is written after its deadline, since the database wrote nothing for 91 s': (s) =>
    late(s, -51).end('pending', 'released', { cause: 'unclaimed' }).done(1, 'w2'),
  'a deferred claim that was set back, materialized by the next claim': (s) => {
    s.enqueue().deferred().move('foreign', { status: 'pending' });
    return s.record('lost', { token: 't1', cause: 'foreign', proc: 'w2' }).done(1, 'w2');
  },
  'a record that is written once, at its end': (s) =>
    s.enqueue().deferred().move('w1', { status: 'done', token: null }).record('completed', { token: 't1' }),
  'a record that a leader writes whole, before it moves the task': (s) => {
    s.enqueue().lead('w2').deferred().ran('killed').record('lost', { token: 't1', cause: 'device_dead', proc: 'w2' });
    return s.move('w2', { status: 'pending', token: null, lost_count: 1 }).claim('w2').ran().done();
  },
  'a leader that renews, resigns and is followed': (s) =>
    s.lead('w1').wait(1).lead('w1', { term: 1 }).lead('w1', { term: 1, holder: null, lease_s: null }).lead('w2'),
  // The story's clock goes on by a millisecond with each event.
  'a leader that writes outside of its lease': (s) => s.lead('w1').wait(2).lead('w1', { term: 1, lease_s: 2 }),
  'a leader whose handler blocks, and who is followed': (s) =>
    blocked(s, () => s.wait(1).lead('w1', { term: 1 }).wait(4).lead('w2')),
  'a leader whose handler blocks while the database is away': (s) =>
    blocked(s, () => s.wait(3.5).lead('w1', { term: 1 }), { f: 'stop', victim: 'database', ms: 4000 }),
  'a task that waits while the database is away': (s) =>
    s.enqueue().line('kill', { victim: 'database' }).wait(40).line('database-up').done(),
  'a task that waits until a worker has started': (s) => {
    s.line('ready', { proc: 'w1' }).enqueue().wait(3).line('exit', { proc: 'w1' });
    return s.wait(40).line('ready', { proc: 'w1' }).done();
  },
  'a task that waits while the machine gives the storm no time': (s) =>
    s.enqueue().wait(40).line('starved', { ms: 38_000 }).done(),
  'a task of another lane that waits behind the first': (s) => {
    s.enqueue(1, 'slow-1').enqueue(2, 'quick-1').wait(2).enqueue(3, 'quick-2').done(2).done(3);
    for (let n = 4; n < 12; n += 1) s.wait(5).enqueue(n, `quick-${n}`).done(n);
    return s.done();
  },
  'an attempt that never began and is released': (s) =>
    s.enqueue().claim().end('pending', 'released', { cause: 'blocked' }).claim('w2').ran().done(),
  'a task that goes on over a failover, and a leader of the new server': (s) => {
    s.on('a').enqueue().enqueue(2).lead('w2').claim();
    return s.on('b', 'kill-database').lead('w2').done().on('a', 'switch-database').done(2);
  },
  'two nodes of Galera that are written to by turns until the fleet has gathered at one': (s) => {
    galera(s).on('a', 'kill-database').enqueue().on('b').claim();
    return s.wait(9).on('a').enqueue(2).on('b').done().wait(15).done(2);
  },
  'two nodes of Galera that are written to by turns when writes that hung for fifteen seconds are over': (s) =>
    hung(s).on('a').insert(2).on('b').done().done(2),
  'odd rows, one done and one put aside': (s) =>
    s.enqueue(1, 'odd-1').enqueue(2, 'odd-2').claim('w1', { attempt: 0 }).done().move('w1', { status: 'failed' }, 2),
};

export const galera: Tell = (s) => s.line('topology', { name: 'galera' });

/** A claim whose record comes 91 s later, with this deadline in seconds from then. */
export const late = (s: Story, deadline_in_s: number): Story =>
  s.enqueue().deferred().wait(91).record('assigned', { token: 't1', cause: 'deferred', proc: 'w2', deadline_in_s });

/** After a kill of a node of Galera, node `b` has begun a claim and an enqueue, and answers after 15 s. */
export function hung(s: Story): Story {
  galera(s).on('a', 'kill-database').enqueue().on('b').claim();
  return s.wait(1).line('enqueue', { type: 'invoke', key: 'k2' }).wait(14).line('enqueue', { task: 2, key: 'k2' });
}

/** A leader whose handler holds up its event loop for three leases. */
export function blocked(s: Story, during: () => unknown, before?: { f: string; victim: string; ms: number }): Story {
  s.enqueue().lead('w1').claim();
  if (before !== undefined) s.line(before.f, before);
  return s.blocks(12, during).done();
}
