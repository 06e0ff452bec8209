import { Args, Flags } from '@oclif/core';
import { AfdError } from '../../core/domain/errors.ts';

/** Why an operator takes a task from its device. */
export const reasonFlag = Flags.custom<string>({
  helpValue: 'TEXT',
  summary: 'Reason; stored with the attempt, and shown in its run log.',
});

/** The id of one task; with `multiple: true`, of several. */
export const taskIdArg = Args.custom<number>({
  description: 'Task id.',
  parse: async (input) => {
    const id = /^[1-9]\d*$/.test(input) ? Number(input) : Number.NaN;
    if (Number.isSafeInteger(id)) return id;
    // oclif takes an Error of an argument (not of a flag) for a crash, so it is one of ours.
    throw new AfdError('E_USAGE', `"${input.slice(0, 40)}" is not a task id: a task id is a positive whole number.`, {
      suggestions: ['afd tasks ls'],
    });
  },
});
