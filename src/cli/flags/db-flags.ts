import { Flags } from '@oclif/core';
import { SERVER_DIR } from '../../core/server/embedded-url.ts';

/** Flags of every `afd db` command. */
export const dbFlags = {
  dir: Flags.string({
    summary: 'Folder that holds the private server.',
    description: `Only a server in ${SERVER_DIR} of the working directory is found by the other commands by themselves; of another folder, pass on what "afd db url" prints.`,
    default: SERVER_DIR,
    helpValue: 'FOLDER',
  }),
};
