import { BaseCommand } from '../../cli/base-command.ts';
import { userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';

export interface UsersRmResult {
  user: UserRow;
}

export default class UsersRm extends BaseCommand {
  static override summary = 'Remove a user, and end the sessions of the user.';
  static override description = 'The audit log keeps the name. A later user with the same name is another one.';
  static override examples = ['<%= config.bin %> users rm alice'];
  static override args = { name: userArg() };

  async run(): Promise<UsersRmResult> {
    const { args } = await this.parse(UsersRm);
    return this.withContext(async (context) => {
      const { removeUser } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const user = await removeUser(context, args.name, operator(undefined));
      const { renderRemoved } = await import('../../cli/people/render-users.ts');
      this.log(renderRemoved(user));
      return { user };
    });
  }
}
