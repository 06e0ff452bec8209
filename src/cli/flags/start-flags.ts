// The flags of `afd start`: those of the nodes that it can start.
import { Flags } from '@oclif/core';
import { AfdError } from '../../core/domain/errors.ts';
import { durationFlag, waitDatabaseFlag } from './flags.ts';
import { MASTER_KEYS, masterFlags } from './remote-flags.ts';
import { serverConfigFlags, serverFlags } from './server-flags.ts';

export const startFlags = {
  mode: Flags.string({ options: ['master', 'worker'], summary: 'Mode of this node.' }),
  'device-id': Flags.string({ helpValue: 'ID', summary: 'Id of this node (default: derived from the host name).' }),
  slots: Flags.integer({ helpValue: 'N', summary: 'Worker: maximum number of concurrent tasks.', min: 1 }),
  ...masterFlags,
  leader: Flags.boolean({ allowNo: true, summary: 'Worker: take part in the leader election (default).' }),
  once: Flags.boolean({ exclusive: ['drain'], summary: 'Claim once, or run one round of duties; then exit.' }),
  drain: Flags.boolean({ summary: 'Worker: execute tasks until none that it may run is due; then exit.' }),
  'max-time': durationFlag({
    relationships: [{ type: 'some', flags: ['once', 'drain'] }],
    summary: 'Worker with --once or --drain: stop claiming after this time, and exit with 7.',
  }),
  ...serverFlags,
  'wait-database': waitDatabaseFlag,
};

export const startConfigFlags = {
  mode: 'mode',
  'device-id': 'worker.device_id',
  slots: 'worker.max_concurrent_tasks',
  ...MASTER_KEYS,
  leader: 'worker.leader',
  ...serverConfigFlags,
};

/** A node refuses the flags of the other mode instead of ignoring them. */
const NOT_OF = {
  master: {
    flags: ['slots', 'leader', 'drain', 'max-time', 'master-host', 'master-port'],
    others: 'workers',
    suggestions: ['afd start --mode worker', 'afd leader'],
  },
  worker: {
    flags: Object.keys(serverFlags),
    others: 'masters',
    suggestions: ['afd start --mode master', 'afd gateway'],
  },
};

/** @throws AfdError E_USAGE */
export function refuseFlagsOfOthers(mode: keyof typeof NOT_OF, given: Record<string, unknown>): void {
  const { flags, others, suggestions } = NOT_OF[mode];
  const idle = flags.filter((flag) => given[flag] !== undefined);
  if (idle.length === 0) return;
  const named = idle.map((flag) => `--${flag}`).join(', ');
  throw new AfdError('E_USAGE', `The mode of this node is ${mode}, but only ${others} accept ${named}.`, {
    suggestions,
  });
}
