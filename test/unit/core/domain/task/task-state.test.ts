import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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

const page = readFileSync(new URL('../../../../../docs/explain/task-lifecycle.md', import.meta.url), 'utf8');
const diagrams = [...page.matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, text]) => arrows(text ?? ''));

/** `from --> to: by` of a diagram, the first state left out. */
function arrows(diagram: string): string[] {
  return diagram.split('\n').flatMap((line) => (/^\s*\w+ --> /.test(line) ? [line.trim()] : []));
}

const drawn = (moves: ReadonlyArray<{ from: string; to: string; by: string }>) =>
  moves.map(({ from, to, by }) => `${from} --> ${to}: ${by}`);

describe('the transition tables', () => {
  it('are what the page draws', () => {
    expect(diagrams).toHaveLength(2);
    expect(diagrams[0]?.toSorted()).toEqual(drawn(TASK_MOVES).toSorted());
    expect(diagrams[1]?.toSorted()).toEqual(drawn(ASSIGNMENT_MOVES).toSorted());
  });

  it('name each move once, and never one to itself', () => {
    for (const moves of [TASK_MOVES, ASSIGNMENT_MOVES]) {
      expect(new Set(moves.map(({ from, to }) => `${from} ${to}`)).size).toBe(moves.length);
      expect(moves.filter(({ from, to }) => from === to)).toEqual([]);
    }
  });

  it('are what may move, and from where, in the order of the ENUM', () => {
    const moves = (table: ReadonlyArray<{ from: string; to: string }>) => table.map(({ from, to }) => `${from} ${to}`);
    const pairs = <T extends string>(all: readonly T[], can: (from: T, to: T) => boolean) =>
      all.flatMap((from) => all.filter((to) => can(from, to)).map((to) => `${from} ${to}`));
    expect(pairs(TASK_STATUSES, canMove).sort()).toEqual(moves(TASK_MOVES).sort());
    expect(pairs(ASSIGNMENT_STATUSES, canMoveAssignment).sort()).toEqual(moves(ASSIGNMENT_MOVES).sort());
    expect(sourcesOf('cancelled')).toEqual(['pending', 'running', 'assigned', 'waiting']);
    expect(assignmentSourcesOf('running')).toEqual(['assigned']);
    expect(assignmentSourcesOf('lost')).toEqual(['assigned', 'running']);
  });

  it('reach every status, and the page explains every status of a task', () => {
    for (const status of TASK_STATUSES) {
      expect(sourcesOf(status)).not.toEqual([]);
      expect(page).toContain(`\n| \`${status}\` |`);
    }
    for (const status of ASSIGNMENT_STATUSES.filter((one) => one !== 'assigned')) {
      expect(assignmentSourcesOf(status)).not.toEqual([]);
    }
  });

  it('never leave an end of an attempt', () => {
    const ends = ASSIGNMENT_STATUSES.filter((one) => !OPEN_ASSIGNMENT.includes(one));
    for (const from of ends) {
      for (const to of ASSIGNMENT_STATUSES) expect(canMoveAssignment(from, to)).toBe(false);
    }
  });

  it('B8 let nothing but a retry bring a finished task back, and only to pending', () => {
    for (const from of ['done', 'failed', 'cancelled'] as const) {
      expect(TASK_STATUSES.filter((to) => canMove(from, to))).toEqual(['pending']);
      expect(TASK_MOVES.filter((move) => move.from === from).map((move) => move.by)).toEqual([
        expect.stringMatching(/^retry/),
      ]);
    }
  });
});
