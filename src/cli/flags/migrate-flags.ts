import { Flags } from '@oclif/core';

/** Flags of `afd migrate` and `afd migrate up`. */
export const upFlags = {
  check: Flags.boolean({ summary: 'Only report whether the schema is up to date; exit with 78 if it is not.' }),
  'dry-run': Flags.boolean({
    summary: 'Print the SQL statements, and findings about an existing task table, without running anything.',
    exclusive: ['check'],
  }),
  'foreign-keys': Flags.boolean({
    summary: 'Add foreign keys from assignments to tasks and devices, and from heartbeats to devices.',
  }),
  visible: Flags.boolean({
    summary: 'Make priority, estimated_duration, required_capabilities and max_retry_count visible to SELECT *.',
  }),
  yes: Flags.boolean({ char: 'y', summary: 'Accept the time zone that the dry run shows, without asking.' }),
  'daylight-saving': Flags.boolean({ summary: 'Accept a time zone with daylight saving time.' }),
};
