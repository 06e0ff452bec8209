import { Args, Flags } from '@oclif/core';

/** NAME of a user. */
export const userArg = () => Args.string({ required: true, description: 'Name of the user.' });

export const passwordFile = () =>
  Flags.string({ helpValue: 'FILE', summary: 'Read the password from this file, without the line feed at its end.' });
