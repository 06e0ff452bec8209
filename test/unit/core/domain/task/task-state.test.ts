import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ASSIGNMENT_STATUSES, TASK_STATUSES } from '../../../../../src/core/domain/task/task.ts';
import {
  ASSIGNMENT_MOVES,
  assignmentSourcesOf,
  canMove,
  canMoveAssignment,
  OPEN_ASSIGNMENT,
  sourcesOf,
  TASK_MOVES,
} from '../../../../../src/core/domain/task/task-state.ts';

type Moves = ReadonlyArray<{ from: string; to: string; by: string }>;
const spelled = (moves: Moves) => moves.map(({ from, to }) => `${from} ${to}`).sort();

it('the transition tables are what the page draws, and it explains every status of a task', () => {
  const page = readFileSync(new URL('../../../../../docs/explain/task-lifecycle.md', import.meta.url), 'utf8');
  const drawn = [...page.matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, text]) =>
    text!
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /^\w+ --> /.test(line))
      .sort(),
  );
  const arrows = (moves: Moves) => moves.map(({ from, to, by }) => `${from} --> ${to}: ${by}`).sort();
  expect(drawn).toEqual([arrows(TASK_MOVES), arrows(ASSIGNMENT_MOVES)]);
  for (const status of TASK_STATUSES) expect(page).toContain(`\n| \`${status}\` |`);
});

it('the tables are what may move, each once and never to itself, and from where, in the order of the ENUM', () => {
  const pairs = <T extends string>(all: readonly T[], can: (from: T, to: T) => boolean) =>
    all.flatMap((from) => all.filter((to) => from !== to && can(from, to)).map((to) => `${from} ${to}`)).sort();
  expect(pairs(TASK_STATUSES, canMove)).toEqual(spelled(TASK_MOVES));
  expect(pairs(ASSIGNMENT_STATUSES, canMoveAssignment)).toEqual(spelled(ASSIGNMENT_MOVES));
  expect(sourcesOf('cancelled')).toEqual(['pending', 'running', 'assigned', 'waiting']);
  expect(assignmentSourcesOf('running')).toEqual(['assigned']);
  expect(assignmentSourcesOf('lost')).toEqual(['assigned', 'running']);
});

it('no move leaves an end of an attempt', () => {
  expect(OPEN_ASSIGNMENT.toSorted()).toEqual([...new Set(ASSIGNMENT_MOVES.map(({ from }) => from))].sort());
});

it('B8 nothing but a retry brings a finished task back, and only to pending', () => {
  for (const from of ['done', 'failed', 'cancelled'] as const) {
    const moves = TASK_MOVES.filter((move) => move.from === from);
    expect(moves).toEqual([{ from, to: 'pending', by: expect.stringMatching(/^retry/) }]);
  }
});
