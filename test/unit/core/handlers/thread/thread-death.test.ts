import { expect, it } from 'vitest';
import { type Death, type Left, outcomesAfterDeath } from '../../../../../src/core/handlers/thread/thread-death.ts';

const left = (id: number, more: Partial<Left> = {}): Left => ({
  ...{ id, begun: true, aborted: undefined, timeout: 30 },
  ...more,
});
const [one, two, waiting, late] = [left(1), left(2), left(2, { begun: false }), left(1, { aborted: 'timeout' })];
const crash: Death = { kind: 'crash', id: 9, message: 'm', error_class: 'E' };

it.each<[string, Death, Left[], string[]]>([
  ['the culprit pays, its neighbours do not', { kind: 'memory', id: 2 }, [one, two], ['released', 'retry']],
  ['alone with what has not begun, it was it', { kind: 'memory', id: 0 }, [one, waiting], ['retry', 'released']],
  ['nobody known: all that had begun', { kind: 'vanished', id: 0, message: 'm' }, [one, two], ['retry', 'retry']],
  ['a heap filled by what has ended: all', { kind: 'memory', id: 9 }, [one, two], ['retry', 'retry']],
  ['a timer of what has ended: nobody', crash, [one, two], ['released', 'released']],
  ['asked to end: what was aborted ends so', { kind: 'asked' }, [late, two], ['timeout', 'released']],
  ['blocked: who was late by another pays nothing', { kind: 'blocked', id: 2 }, [late, two], ['released', 'retry']],
  ['blocked by nobody known: who was late is late', { kind: 'blocked', id: 0 }, [late, two], ['timeout', 'released']],
  ['not loaded again: all have failed', { kind: 'unloaded', message: 'm', code: 'E_CONFIG' }, [waiting], ['retry']],
])('%s', (_name, death, all, expected) => {
  expect(outcomesAfterDeath(death, all).map(({ kind }) => kind)).toEqual(expected);
});
