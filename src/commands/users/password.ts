import { BaseCommand } from '../../cli/base-command.ts';
import { passwordFile, userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';

export interface UsersPasswordResult {
  user: UserRow;
}

export default class UsersPassword extends BaseCommand {
  static override summary = 'Set a new password of a user, and end the sessions of the user.';
  static override description =
    'The password is asked for and read as by "afd users add". Log-ins with this name that were refused because too many have failed may be tried again.';
  static override examples = [
    '<%= config.bin %> users password alice',
    '<%= config.bin %> users password alice --password-file alice.txt',
  ];
  static override args = { name: userArg() };
  static override flags = { 'password-file': passwordFile() };

  async run(): Promise<UsersPasswordResult> {
    const { args, flags } = await this.parse(UsersPassword);
    return this.withContext(async (context) => {
      const { changePassword } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const { newPassword } = await import('../../cli/ask/hidden-input.ts');
      const password = () => newPassword(flags['password-file'], 'afd users password --help');
      const user = await changePassword(context, args.name, password, operator(undefined));
      const { renderPassword } = await import('../../cli/people/render-users.ts');
      this.log(renderPassword(user));
      return { user };
    });
  }
}
