import { Flags } from '@oclif/core';

/** Flags of `afd tasks ls` and `afd tasks export`: which tasks. */
export const filterFlags = {
  status: Flags.string({
    helpValue: 'STATUS',
    summary: 'Only this status: pending, assigned, running, waiting, done, failed or cancelled.',
  }),
  type: Flags.string({ helpValue: 'TYPE', summary: 'Only tasks of this type.' }),
  device: Flags.string({
    helpValue: 'DEVICE',
    summary: 'Only tasks that run on this device, last ran on it, or are directed at it (id or unique prefix).',
  }),
};
