import { Flags } from '@oclif/core';
import { SERVER_DIR } from '../../core/server/embedded-url.ts';

/** Flags of every `afd db` command. */
export const dbFlags = {
  dir: Flags.string({
    summary: 'Folder of the private server.',
    description: `The other commands find only a server in ${SERVER_DIR} of the working directory. For a server in another folder, set AFD_DATABASE_URL to the URL that "afd db url" prints.`,
    default: SERVER_DIR,
    helpValue: 'FOLDER',
  }),
};
