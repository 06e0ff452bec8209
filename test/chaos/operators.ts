// An operator in the middle of the storm: by the functions behind the commands, and now and then by the commands.

import type { Session } from '../../src/core/db/session.ts';
import { cancelTask } from '../../src/core/db/tasks/cancel-task.ts';
import { reassignTask } from '../../src/core/db/tasks/reassign-task.ts';
import { retryTask } from '../../src/core/db/tasks/retry-task.ts';
import { AfdError } from '../../src/core/domain/errors.ts';
import { runProcess } from '../helpers/command.ts';
import type { ChaosFleet } from './fleet.ts';
import type { Step } from './plan.ts';

export const OPERATOR = 'operator';

/** Which tasks a step is for. */
const WANTED: Partial<Record<Step['kind'], string[]>> = {
  cancel: ['running', 'pending'],
  'cancel-force': ['running'],
  reassign: ['running', 'assigned'],
  'reassign-to': ['running', 'pending'],
  'reassign-force': ['running'],
  retry: ['failed', 'cancelled'],
  'retry-force': ['done'],
  'foreign-reset': ['running'],
};

/** Some task in one of the wanted states, by the step's aim; undefined = there is none now. */
export async function aimAtTask(fleet: ChaosFleet, session: Session, step: Step): Promise<number | undefined> {
  const states = WANTED[step.kind] ?? [];
  const rows = await session.rows<{ id: number }>(
    `SELECT id FROM ${fleet.names.task} WHERE status IN (?) ORDER BY id DESC LIMIT 200`,
    [states],
  );
  return rows[Math.floor(step.aim * rows.length)]?.id;
}

/** One operation on one task. @throws DatabaseError; a refusal is an answer and is noted */
export async function operate(fleet: ChaosFleet, session: Session, step: Step): Promise<void> {
  const task = await aimAtTask(fleet, session, step);
  if (task === undefined) return;
  const { history } = fleet;
  history.note({ proc: OPERATOR, type: 'invoke', f: step.kind, task });
  try {
    const said = step.cli ? await byCommand(fleet, step, task) : await byFunction(fleet, session, step, task);
    history.note({ proc: OPERATOR, type: 'ok', f: step.kind, task, said });
  } catch (error) {
    const refused = error instanceof AfdError && error.code === 'E_CONFLICT';
    history.note({ proc: OPERATOR, type: refused ? 'fail' : 'info', f: step.kind, task, message: String(error) });
    if (!(error instanceof AfdError)) throw error;
  }
}

function target(fleet: ChaosFleet, step: Step): string {
  const workers = fleet.nodes.filter((one) => one.role === 'worker');
  return workers[Math.floor(step.aim * workers.length)]!.id;
}

async function byFunction(fleet: ChaosFleet, session: Session, step: Step, task: number): Promise<unknown> {
  const { names } = fleet;
  if (step.kind === 'cancel') return cancelTask(session, names, task);
  if (step.kind === 'cancel-force') return cancelTask(session, names, task, { force: true });
  if (step.kind === 'retry') return retryTask(session, names, task);
  if (step.kind === 'retry-force') return retryTask(session, names, task, { force: true });
  if (step.kind === 'reassign-to') return reassignTask(session, names, task, { to: target(fleet, step) });
  return reassignTask(session, names, task, { force: step.kind === 'reassign-force' });
}

async function byCommand(fleet: ChaosFleet, step: Step, task: number): Promise<unknown> {
  const [verb] = step.kind.split('-');
  const force = step.kind.endsWith('-force') ? ['--force'] : [];
  const to = step.kind === 'reassign-to' ? ['--to', target(fleet, step)] : [];
  const { code, stdout } = await command(fleet, 'tasks', verb!, String(task), ...force, ...to, '--json');
  return { code, stdout: stdout.slice(0, 200) };
}

/** `afd …` through the operator's proxy. */
export function command(fleet: ChaosFleet, ...args: string[]) {
  return runProcess(args, { cwd: fleet.dir, env: { AFD_DATABASE_URL: fleet.url(OPERATOR) } });
}
