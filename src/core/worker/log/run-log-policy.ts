// Which attempts have a run log, and what is masked in it.
import type { Config } from '../../config/config-schema.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { KnownSecrets } from '../../domain/redaction/known-secrets.ts';
import { payloadSecrets } from '../../domain/redaction/own-secrets.ts';
import { SecretMask } from '../../domain/redaction/secret-mask.ts';
import { effectivePayload } from '../../domain/task/payload.ts';
import type { Log } from '../../log/log.ts';
import type { AttemptSecrets } from '../../secrets/attempt-secrets.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { LogFiles } from './log-files.ts';
import type { RunLogs } from './run-logs.ts';

/** An attempt that has begun to say something. */
export interface SpeakingAttempt {
  readonly task_id: number;
  readonly task_type: string;
  readonly attempt: number;
  readonly claim_token: Buffer;
  /** As it was claimed; undefined = its handler was not called. */
  claimed: ClaimedTask | undefined;
  /** What must not be shown of it; made when it first says something. */
  mask: SecretMask | undefined;
  /** What its handler was given in the place of references. */
  readonly secrets?: AttemptSecrets | undefined;
}

export interface RunLogPolicy {
  config: Pick<Config, 'handlers' | 'worker'>;
  deviceId: string;
  log: Log;
  logs: RunLogs;
  files: LogFiles | undefined;
  /** Of the worker and its handlers. */
  known: KnownSecrets;
}

/** What must not be shown of this attempt, wherever it says it; made once. */
export function maskOf(known: KnownSecrets, speaking: SpeakingAttempt): SecretMask {
  const { claim_token, claimed } = speaking;
  speaking.mask ??= new SecretMask(
    [
      claim_token.toString('hex'),
      ...(speaking.secrets?.texts ?? []),
      ...payloadSecrets(claimed === undefined ? null : effectivePayload(claimed, claimed.task_data)),
    ],
    ...(known.mask === undefined ? [] : [known.mask]),
  );
  return speaking.mask;
}

/** Where this attempt's output goes. The log is opened when the attempt first says something. */
export function attemptOutput(policy: RunLogPolicy, speaking: SpeakingAttempt): AttemptOutput {
  const { config, deviceId: device_id, files, log, logs, known } = policy;
  const { task_id, task_type, attempt } = speaking;
  const mode = config.handlers[task_type]?.run_log ?? 'on';
  const mask = () => maskOf(known, speaking);
  return new AttemptOutput(log.child({ task_id, task_type, attempt }, mask()), mask(), () =>
    mode === 'off'
      ? undefined
      : logs.open({
          ...{ task_id, attempt, device_id, mask, files },
          bytes: config.worker.run_log_bytes,
          onFailure: mode === 'on-failure',
        }),
  );
}
