import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { userArg } from '../../cli/people/user-args.ts';
import type { UserRow } from '../../core/access/manage-users.ts';
import { USER_ROLES } from '../../core/access/roles.ts';

export interface UsersRoleResult {
  user: UserRow;
}

export default class UsersRole extends BaseCommand {
  static override summary = 'Change the role of a user, and end the sessions of the user.';
  static override examples = ['<%= config.bin %> users role alice --role viewer'];
  static override args = { name: userArg() };
  static override flags = {
    role: Flags.option({ options: USER_ROLES, required: true, summary: 'What the user may do.' })(),
  };

  async run(): Promise<UsersRoleResult> {
    const { args, flags } = await this.parse(UsersRole);
    return this.withContext(async (context) => {
      const { changeRole } = await import('../../core/access/manage-users.ts');
      const { operator } = await import('../../cli/operator.ts');
      const user = await changeRole(context, args.name, flags.role, operator(undefined));
      const { renderRole } = await import('../../cli/people/render-users.ts');
      this.log(renderRole(user));
      return { user };
    });
  }
}
