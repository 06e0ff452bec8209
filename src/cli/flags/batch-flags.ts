import { Args, Flags } from '@oclif/core';
import type { BatchAsked } from '../../core/batches/batch-of-input.ts';
import { AfdError } from '../../core/domain/errors.ts';

/** The id of a batch. */
export const batchIdArg = Args.custom<number>({
  description: 'Batch id.',
  parse: async (input) => {
    const id = batchId(input);
    if (id !== undefined) return id;
    // oclif takes an Error of an argument (not of a flag) for a crash, so it is one of ours.
    throw new AfdError('E_USAGE', `"${input.slice(0, 40)}" is not a batch id: a batch id is a positive whole number.`, {
      suggestions: ['afd batches ls'],
    });
  },
});

/** Flags of the commands that add tasks. */
export const batchFlags = {
  batch: Flags.string({
    exclusive: ['batch-id'],
    helpValue: 'NAME',
    summary: 'Make a batch of this name, add to it, and seal it.',
  }),
  open: Flags.boolean({
    relationships: [{ type: 'all', flags: ['batch'] }],
    summary: 'With --batch: do not seal it, so that more can be added.',
  }),
  'batch-id': Flags.integer({
    helpValue: 'ID',
    min: 1,
    summary: 'Add to this batch, which must be open.',
  }),
};

export const importBatchFlags = {
  ...batchFlags,
  seal: Flags.boolean({
    relationships: [{ type: 'all', flags: ['batch-id'] }],
    summary: 'With --batch-id: seal the batch at the end.',
  }),
};

interface Given {
  batch: string | undefined;
  open: boolean;
  'batch-id': number | undefined;
}

/** `by`: who makes it. Undefined = into no batch. */
export function intoBatch(
  { batch, open, 'batch-id': id }: Given,
  by: BatchAsked['by'],
  seal?: boolean,
): BatchAsked | undefined {
  if (batch !== undefined) return { into: { name: batch, open }, by };
  return id === undefined ? undefined : { into: { batch_id: id }, seal, by };
}

function batchId(input: string): number | undefined {
  const id = /^[1-9]\d*$/.test(input) ? Number(input) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}
