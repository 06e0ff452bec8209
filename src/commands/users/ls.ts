import { BaseCommand } from '../../cli/base-command.ts';
import type { UserRow } from '../../core/access/manage-users.ts';

export interface UsersLsResult {
  users: UserRow[];
}

export default class UsersLs extends BaseCommand {
  static override summary = 'List the people who sign in: roles, last log-ins, and who is disabled.';
  static override examples = ['<%= config.bin %> users ls', '<%= config.bin %> users ls --json'];

  async run(): Promise<UsersLsResult> {
    await this.parse(UsersLs);
    return this.withContext(async (context) => {
      const { allUsers } = await import('../../core/access/manage-users.ts');
      const users = await allUsers(context);
      const { renderUsers } = await import('../../cli/people/render-users.ts');
      this.log(renderUsers(users, (await this.renderOptions()).width));
      return { users };
    });
  }
}
