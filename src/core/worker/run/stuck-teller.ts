import type { StuckTask } from '../../domain/placement/device-view.ts';
import type { LivenessClient } from '../../node/liveness-client.ts';
import type { Runner } from './runner.ts';

/** Says with a heartbeat of its own which slots are stuck, whenever that has changed: the fleet must not count on them. */
export class StuckTeller {
  #told = '[]';

  tell(runner: Pick<Runner, 'attempts' | 'stuck'>, liveness: Pick<LivenessClient, 'send'>): void {
    if (runner.stuck === 0 && this.#told === '[]') return;
    const tasks: StuckTask[] = runner
      .attempts()
      .filter((one) => one.state === 'stuck')
      .map(({ task_id, task_type, attempt }) => ({ task_id, task_type, attempt }));
    const now = JSON.stringify(tasks);
    if (now === this.#told) return;
    this.#told = now;
    liveness.send({ kind: 'stuck', tasks });
    liveness.send({ kind: 'heartbeat' });
  }
}
