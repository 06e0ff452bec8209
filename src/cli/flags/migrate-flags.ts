import { Flags } from '@oclif/core';

/** Flags of `afd migrate` and `afd migrate up`. */
export const upFlags = {
  check: Flags.boolean({ summary: 'Only say whether the schema is up to date; exit 78 when it is not.' }),
  'dry-run': Flags.boolean({
    summary: 'Print the SQL that would run, and what is found in a task table to adopt.',
    exclusive: ['check'],
  }),
  'foreign-keys': Flags.boolean({ summary: "Add the design document's three foreign keys." }),
  visible: Flags.boolean({ summary: "Show the document's four task columns to SELECT *." }),
  yes: Flags.boolean({ char: 'y', summary: 'Take the time zone that the dry run shows; do not ask.' }),
  'daylight-saving': Flags.boolean({ summary: 'Accept a time zone that changes its offset.' }),
};
