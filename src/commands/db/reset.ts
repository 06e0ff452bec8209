import { createInterface } from 'node:readline/promises';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { AfdError } from '../../core/domain/errors.ts';
import { resetServer, serverStatus } from '../../core/server/embedded-server.ts';
import { hostFrom } from '../../core/server/host.ts';

export interface DbResetResult {
  /** False if there was nothing to delete. */
  deleted: boolean;
  data_dir: string;
}

export default class DbReset extends BaseCommand {
  static override summary = "Stop this project's private server and delete all its data.";
  static override description = 'Asks for confirmation on a terminal. Without a terminal, --yes is required.';
  static override examples = ['<%= config.bin %> db reset --yes'];
  static override flags = {
    ...dbFlags,
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask for confirmation.' }),
  };

  async run(): Promise<DbResetResult> {
    const { flags } = await this.parse(DbReset);
    const { state, data_dir } = await serverStatus(flags.dir, hostFrom(process));
    if (state !== 'none' && !flags.yes) await this.#confirm(data_dir);
    const deleted = await resetServer(flags.dir, hostFrom(process));
    this.log(deleted ? `Deleted ${data_dir}.` : 'There is no private server here.');
    return { deleted, data_dir };
  }

  async #confirm(dataDir: string): Promise<void> {
    const refused = (why: string) =>
      new AfdError('E_USAGE', `${why} Nothing was deleted.`, { suggestions: ['afd db reset --yes'] });
    if (!process.stdin.isTTY || this.jsonEnabled())
      throw refused('This deletes all data and needs confirmation, but there is no terminal to ask on. Pass --yes.');
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`Delete the server and all data in ${dataDir}? [y/N] `);
    terminal.close();
    if (!/^y(es)?$/i.test(answer.trim())) throw refused('The deletion was not confirmed.');
  }
}
