// Histories of a replicated database in which one thing is wrong, with the rule that is about it.
import { hung, late } from './good-stories.ts';
import { Story } from './story.ts';

export const OF_FAILOVER: Array<[name: string, rule: number, story: () => Story]> = [
  [
    'a failover that loses an acknowledged task',
    1,
    () => failedOver(new Story().on('a').line({ f: 'enqueue', task: 1, key: 'k1' })).enqueue(2),
  ],
  [
    'a failover that loses an acknowledged completion',
    3,
    () =>
      failedOver(
        new Story().on('a').enqueue(1).line({ f: 'complete', proc: 'w1', task: 1, attempt: 1, outcome: 'done' }),
      ),
  ],
  [
    'an id that is given again after a failover, to a task with another key',
    1,
    () => failedOver(new Story().on('a').line({ f: 'enqueue', task: 1, key: 'k1' })).insert(1, 'k2'),
  ],
  [
    'a device that is declared dead on the new server, where nobody has a lock yet',
    16,
    () => failedOver(new Story().on('a').lead('w2')).lead('w2').dead('w1', 'w2'),
  ],
  [
    'a former writer that is written to again',
    17,
    () => failedOver(new Story().on('a').enqueue(1)).enqueue(2).on('a').enqueue(3),
  ],
  [
    'two servers that are written to by turns',
    17,
    () =>
      [3, 5].reduce(
        (story, n) =>
          story
            .on('a')
            .enqueue(n)
            .on('b')
            .enqueue(n + 1),
        new Story().on('a').enqueue(1),
      ),
  ],
  [
    'two nodes of Galera that are written to by turns, a minute after the storm had touched one',
    17,
    () =>
      new Story()
        .line({ f: 'topology', proc: 'storm', type: 'info', name: 'galera' })
        .on('a')
        .enqueue(1)
        .on('b', 'kill-database')
        .enqueue(2)
        .wait(60)
        .on('a')
        .enqueue(3),
  ],
  [
    'two nodes of Galera that are written to by turns, long after writes had hung',
    17,
    () => hung().insert(2).wait(13).on('a').enqueue(3),
  ],
  ['a deferred claim that gets 6 s', 4, () => late(-85).end(1, 'w1', 'done', 'completed')],
  [
    'a term that two leaders have, one on each server',
    7,
    () => failedOver(new Story().on('a').lead('w1')).lead('w2', { term: 1 }),
  ],
  [
    'a task of the old server that is claimed again while its holder goes on',
    4,
    () => failedOver(new Story().on('a').enqueue(1).claim(1, 'w1')).claim(1, 'w2').end(1, 'w2', 'done', 'completed'),
  ],
];

/** The writer is killed, and another takes its place. */
function failedOver(story: Story): Story {
  return story.on('b', 'kill-database');
}
