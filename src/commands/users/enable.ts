import { BaseCommand } from '../../cli/base-command.ts';
import { userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';

export interface UsersEnableResult {
  user: UserRow;
}

export default class UsersEnable extends BaseCommand {
  static override summary = 'Let a user who was disabled sign in again.';
  static override examples = ['<%= config.bin %> users enable alice'];
  static override args = { name: userArg() };

  async run(): Promise<UsersEnableResult> {
    const { args } = await this.parse(UsersEnable);
    return this.withContext(async (context) => {
      const { enable } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const user = await enable(context, args.name, operator(undefined));
      const { renderEnabled } = await import('../../cli/people/render-users.ts');
      this.log(renderEnabled(user));
      return { user };
    });
  }
}
