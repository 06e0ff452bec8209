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
      .end(1, 'w1', 'pending', 'failed', { retry: 1, due_in_s: 1 })
      .wait(1)
      .claim(1, 'w1')
      .end(1, 'w1', 'pending', 'timeout', { retry: 2, due_in_s: 2 })
      .wait(2)
      .claim(1, 'w2')
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
  'a light claim that was set back, recorded by whoever claims next': () => {
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
};
