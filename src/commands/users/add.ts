import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { passwordFile, userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';
import { USER_ROLES } from '../../core/access/roles.ts';

export interface UsersAddResult {
  user: UserRow;
}

export default class UsersAdd extends BaseCommand {
  static override summary = 'Add a person who signs in to gateways.';
  static override description =
    'On a terminal the password is asked for twice and not shown; otherwise it is read from standard input or from --password-file. It is never an argument, because other users can see those. It has at least 12 characters. With --without-password the user signs in at the OpenID provider of server.oidc, and with no password. The roles are those of API keys, see "afd keys create --help". Gateways ask who it is with server.auth: keys.';
  static override examples = [
    '<%= config.bin %> users add alice --role admin',
    '<%= config.bin %> users add bob --role operator --password-file bob.txt',
    '<%= config.bin %> users add carol --role viewer --without-password',
  ];
  static override args = { name: userArg() };
  static override flags = {
    role: Flags.option({ options: USER_ROLES, required: true, summary: 'What the user may do.' })(),
    'password-file': passwordFile(),
    'without-password': Flags.boolean({
      exclusive: ['password-file'],
      summary: 'The user signs in at an OpenID provider.',
    }),
  };

  async run(): Promise<UsersAddResult> {
    const { args, flags } = await this.parse(UsersAdd);
    return this.withContext(async (context) => {
      const { addUser } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const { newPassword } = await import('../../cli/ask/hidden-input.ts');
      const asked = () => newPassword(flags['password-file'], 'afd users add --help');
      const password = flags['without-password'] ? null : asked;
      const user = await addUser(context, { name: args.name, role: flags.role, password }, operator(undefined));
      const { renderAdded } = await import('../../cli/people/render-users.ts');
      this.log(renderAdded(user));
      return { user };
    });
  }
}
