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
export async function aimAtTask({ names }: ChaosFleet, session: Session, step: Step): Promise<number | undefined> {
  const rows = await session.rows<{ id: number }>(
    `SELECT id FROM ${names.task} WHERE status IN (?) ORDER BY id DESC LIMIT 200`,
    [WANTED[step.kind] ?? []],
  );
  return rows[Math.floor(step.aim * rows.length)]?.id;
}

/** One operation on one task. @throws DatabaseError; a refusal is an answer and is noted */
export async function operate(fleet: ChaosFleet, session: Session, step: Step): Promise<void> {
  const task = await aimAtTask(fleet, session, step);
  if (task === undefined) return;
  const { history } = fleet;
  const line = { proc: OPERATOR, f: step.kind, task };
  history.note({ ...line, type: 'invoke' });
  try {
    const said = await (step.cli ? byCommand : byFunction)(fleet, session, step, task);
    history.note({ ...line, type: 'ok', said });
  } catch (error) {
    const refused = error instanceof AfdError && error.code === 'E_CONFLICT';
    history.note({ ...line, type: refused ? 'fail' : 'info', message: String(error) });
    if (!(error instanceof AfdError)) throw error;
  }
}

/** What `reassign-to` is for. */
function target({ nodes }: ChaosFleet, step: Step): string {
  const workers = nodes.filter((one) => one.role === 'worker');
  return workers[Math.floor(step.aim * workers.length)]!.id;
}

async function byFunction(fleet: ChaosFleet, session: Session, step: Step, task: number): Promise<unknown> {
  const { names } = fleet;
  const force = step.kind.endsWith('-force');
  if (step.kind.startsWith('cancel')) return cancelTask(session, names, task, { force });
  if (step.kind.startsWith('retry')) return retryTask(session, names, task, { force });
  const to = step.kind === 'reassign-to' ? { to: target(fleet, step) } : { force };
  return reassignTask(session, names, task, to);
}

async function byCommand(fleet: ChaosFleet, _: Session, step: Step, task: number): Promise<unknown> {
  const [verb] = step.kind.split('-');
  const force = step.kind.endsWith('-force') ? ['--force'] : [];
  const to = step.kind === 'reassign-to' ? ['--to', target(fleet, step)] : [];
  const env = { AFD_DATABASE_URL: fleet.url(OPERATOR) };
  const args = ['tasks', verb!, String(task), ...force, ...to, '--json'];
  const { code, stdout } = await runProcess(args, { cwd: fleet.dir, env });
  return { code, stdout: stdout.slice(0, 200) };
}
