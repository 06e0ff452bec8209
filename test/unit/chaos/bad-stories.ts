// Histories in which one thing is wrong, by the rule that is about it.
import { blocked, GOOD, galera, hung, late, type Tell } from './good-stories.ts';

const atOnce = GOOD['a task that is done at once']!;

export const BAD: Record<number, Record<string, Tell>> = {
  0: {
    'a task that is still running at the end': (s) => s.enqueue().claim(),
    'a process that ended by a bug': (s) => s.line('bug', { proc: 'w1', message: 'E_INTERNAL' }),
  },
  1: {
    'an acknowledged task without a row': (s) => s.line('enqueue', { key: 'k1', task: 1 }),
    'an acknowledged task that is deleted': (s) => atOnce(s).remove(),
    'an answer that names the row of another key': (s) => s.enqueue().line('enqueue', { key: 'other', task: 1 }).done(),
    'a done parent without the task that its handler added': (s) => s.enqueue().line('parent', { task: 1 }).done(),
    'a failover that loses an acknowledged task': (s) =>
      s.on('a').line('enqueue', { task: 1, key: 'k1' }).on('b', 'kill-database').enqueue(2),
    'an id that is given again after a failover, to a task with another key': (s) =>
      s.on('a').line('enqueue', { task: 1, key: 'k1' }).on('b', 'kill-database').insert(1, 'k2'),
  },
  2: {
    'a row that nobody asked for': (s) => s.insert(1, 'stranger').done(),
    'one key, two rows': (s) => s.enqueue().done().insert(2, 'k1').done(2),
    "a handler's task whose parent never was done": (s) => s.enqueue().insert(2, 'child-9').done().done(2),
  },
  3: {
    'a task that is completed twice': (s) => atOnce(s).move('w2', { retry: 0 }),
    'a completion that a worker got confirmed and that is not there': (s) =>
      s.enqueue().done().line('complete', { proc: 'w9', task: 1, attempt: 7, outcome: 'done' }),
    'a failover that loses an acknowledged completion': (s) =>
      s.on('a').enqueue().line('complete', { task: 1, attempt: 1, outcome: 'done' }).on('b', 'kill-database'),
  },
  4: {
    'a claim over a claim that holds': (s) =>
      s.enqueue().claim().claim('w2').done().record('lost', { attempt: 1, cause: 'foreign' }),
    'two records of one task that are open together': (s) =>
      s.enqueue().claim().move('w1', { status: 'pending', token: null }).claim('w2').done(),
    'a deadline by the wrong clock': (s) => s.enqueue().claim('w1', { deadline_in_s: -560 }).done(),
    'a deferred claim that gets 6 s': (s) => late(s, -85).done(),
    'a task of the old server that is claimed again while its holder goes on': (s) =>
      s.on('a').enqueue().claim().on('b', 'kill-database').claim('w2').done(),
  },
  5: {
    'an attempt number that stands still': (s) => s.enqueue().claim('w1', { attempt: 0 }).done(),
    'the end of an old claim, accepted while another holds the task': (s) => {
      s.enqueue().lead('w3').claim().rescued({ proc: 'w3' }).claim('w2').move('w1', { status: 'done', token: null });
      return s.record('completed', { attempt: 1 });
    },
    'a task that ends while its record does not': (s) =>
      s.enqueue().claim().move('w1', { status: 'done', token: null }),
    'a record that ends while its task does not': (s) =>
      s.enqueue().claim().record('completed').end('done', 'completed', { proc: 'w2' }),
    'a task and a record that disagree': (s) => s.enqueue().claim().end('done', 'failed'),
  },
  6: {
    'a move that the table does not know': (s) => s.enqueue().move('w1', { status: 'done' }),
    'a record that is lost after it was completed': (s) =>
      s.enqueue().lead('w2').done().record('lost', { cause: 'device_dead', proc: 'w2' }),
    'a start that is written after the end': (s) => s.enqueue().done().record('running'),
    'a token that stays behind': (s) => s.enqueue().claim().end('done', 'completed', { token: 'x' }),
  },
  7: {
    'a term that is given twice': (s) => s.lead('w1').lead('w2', { term: 1 }),
    'a term that goes back': (s) => s.lead('w1').lead('w2').lead('w1', { term: 1 }),
    'a term that two leaders have, one on each server': (s) =>
      s.on('a').lead('w1').on('b', 'kill-database').lead('w2', { term: 1 }),
    'a renewal of a lease that is over': (s) => s.lead('w1').wait(5).lead('w1', { term: 1 }),
    "a lease by a node's clock": (s) => s.lead('w1', { lease_s: 604 }),
    'a rescue by a leader whose term is over': (s) => s.enqueue().lead('w2').lead('w3').claim().rescued().done(),
    'a device declared dead after the lease': (s) => s.lead('w2').wait(5).dead('w1', 'w2'),
  },
  9: {
    'a retry beyond the budget': (s) =>
      s.enqueue().move('producer', { retry: 2 }).claim().end('pending', 'failed', { retry: 3, due_in_s: 9 }).done(),
    'a retry that does not wait': (s) => s.enqueue().claim().end('pending', 'failed', { retry: 1, due_in_s: 0 }).done(),
    'a claim before the task is due': (s) => s.enqueue().move('producer', { due_in_s: 30 }).done(),
    'poison after a single death': (s) => s.enqueue().lead('w2').claim().rescued({}, 'failed'),
  },
  10: {
    'one attempt that ran twice': (s) => s.enqueue().done().ran().ran('end', { device: 'w2' }),
    'an attempt of which there is no record': (s) => {
      s.enqueue().move('w2', { status: 'running', attempt: 1, token: 't' });
      return s.move('w2', { status: 'pending', token: null }).done();
    },
    'an execution that nobody claimed': (s) => s.enqueue().done().ran('end', { attempt: 2, device: 'w2' }),
    'two attempts at one time without a reason': (s) => {
      s.enqueue().claim().end('pending', 'failed', { retry: 1, due_in_s: 1 }).done(1, 'w2');
      s.ran('end', { attempt: 1 }).ran();
      [s.ledger[1]!.mono_ns, s.ledger[2]!.mono_ns] = ['3', '2'];
      return s;
    },
    'an attempt that was lost without a cause': (s) => {
      s.enqueue().lead('w2').claim().ran('killed').end('pending', 'lost', { lost_count: 1, proc: 'w2' });
      return s.done().ran();
    },
  },
  13: {
    'a task that failed at its deadline, and was never tried': (s) =>
      s.enqueue().lead('w2').claim().end('failed', 'timeout', { retry: 3, proc: 'w2' }),
    'a try that was spent on an attempt that never began': (s) =>
      s.enqueue().claim().end('pending', 'failed', { retry: 1, due_in_s: 0 }).done(),
  },
  14: {
    'a blocked leader that renews for ever': (s) =>
      blocked(s, () => {
        for (let n = 0; n < 3; n += 1) s.wait(3).lead('w1', { term: 1 });
      }),
    'a blocked leader whom nobody follows': (s) => blocked(s, () => s.wait(1).lead('w1', { term: 1 })),
    'a fleet that stands still although a task is due': (s) => s.enqueue().enqueue(2).done().wait(60).done(2),
    'a worker that stands still although a task is due': (s) =>
      s.line('ready', { proc: 'w1' }).enqueue().enqueue(2).done().wait(60).done(2),
    'a task that is passed over': (s) => {
      s.enqueue(1, 'short-1').wait(2);
      for (let n = 2; n < 12; n += 1) s.wait(5).enqueue(n, `short-${n}`).done(n);
      return s.done();
    },
  },
  15: {
    'an odd row that is left': (s) => s.enqueue(1, 'odd-1'),
    'an odd row that is done twice': (s) => s.enqueue(1, 'odd-1').done().move('w1', { status: 'pending' }).done(),
    'a good row that is put aside': (s) => s.enqueue().move('w1', { status: 'failed' }),
  },
  16: {
    'a device that is declared dead on the new server, where nobody has a lock yet': (s) =>
      s.on('a').lead('w2').on('b', 'kill-database').lead('w2').dead('w1', 'w2'),
  },
  17: {
    'a former writer that is written to again': (s) =>
      s.on('a').enqueue().on('b', 'kill-database').enqueue(2).on('a').enqueue(3),
    'two servers that are written to by turns': (s) =>
      s.on('a').enqueue().on('a').enqueue(3).on('b').enqueue(4).on('a').enqueue(5).on('b').enqueue(6),
    'two nodes of Galera that are written to by turns, a minute after the storm had touched one': (s) =>
      galera(s).on('a').enqueue().on('b', 'kill-database').enqueue(2).wait(60).on('a').enqueue(3),
    'two nodes of Galera that are written to by turns, long after writes had hung': (s) =>
      hung(s).insert(2).wait(13).on('a').enqueue(3),
  },
};
