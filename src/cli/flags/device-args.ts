import { Args } from '@oclif/core';

/** The id of one device; with `multiple: true`, of several. */
export const deviceIdArg = Args.custom<string>({
  description: 'Device id, or any unique prefix of it.',
});
