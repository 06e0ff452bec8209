// Why `afd start` does not know what to start.
import { AfdError } from '../../core/domain/errors.ts';

export function noMode(): AfdError {
  return new AfdError(
    'E_CONFIG',
    'No mode is set: pass --mode master or --mode worker, set DISTRIBUTION_MODE, or add "mode: worker" to the configuration file.',
    { suggestions: ['afd start --mode worker', 'afd start --mode master'], data: { key: 'mode' } },
  );
}
