import { Args } from '@oclif/core';

export const secretNameArg = Args.custom<string>({
  description: 'Name of the secret; tasks refer to it as secret:NAME.',
});
