// Why `afd start` does not know what to start.
import { AfdError } from '../../core/domain/errors.ts';

/** Flags of workers only: a master refuses them instead of ignoring them. */
const OF_WORKERS = ['slots', 'leader', 'drain', 'max-time', 'master-host', 'master-port'];

/** @throws AfdError E_USAGE */
export function refuseWorkerFlags(flags: Record<string, unknown>): void {
  const idle = OF_WORKERS.filter((flag) => flags[flag] !== undefined);
  if (idle.length === 0) return;
  const named = idle.map((flag) => `--${flag}`).join(', ');
  throw new AfdError('E_USAGE', `The mode of this node is master, but only workers accept ${named}.`, {
    suggestions: ['afd start --mode worker', 'afd leader'],
  });
}

export function noMode(): AfdError {
  return new AfdError(
    'E_CONFIG',
    'No mode is set: pass --mode master or --mode worker, set DISTRIBUTION_MODE, or add "mode: worker" to the configuration file.',
    { suggestions: ['afd start --mode worker', 'afd start --mode master'], data: { key: 'mode' } },
  );
}
