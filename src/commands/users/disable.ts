import { BaseCommand } from '../../cli/base-command.ts';
import { userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';

export interface UsersDisableResult {
  user: UserRow;
}

export default class UsersDisable extends BaseCommand {
  static override summary = 'Let a user sign in no more, and end the sessions of the user.';
  static override description = 'The user stays in the list, and "afd users enable" undoes it.';
  static override examples = ['<%= config.bin %> users disable alice'];
  static override args = { name: userArg() };

  async run(): Promise<UsersDisableResult> {
    const { args } = await this.parse(UsersDisable);
    return this.withContext(async (context) => {
      const { disable } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const user = await disable(context, args.name, operator(undefined));
      const { renderDisabled } = await import('../../cli/people/render-users.ts');
      this.log(renderDisabled(user));
      return { user };
    });
  }
}
