import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { DIALECTS, ROLES } from '../../core/grants/roles.ts';

export interface DbGrantsResult {
  role: (typeof ROLES)[number];
  dialect: (typeof DIALECTS)[number];
  user: string;
  host: string;
  statements: Array<{ purpose: string; sql: string }>;
}

export default class DbGrants extends BaseCommand {
  static override summary = 'Print the CREATE USER and GRANT statements of an account for one role.';
  static override description =
    `The statements are for the schema, the tables.task and the tables.prefix of the configuration. The command does not connect to the database. Run "afd migrate" first, because they name tables; run them again after an upgrade. A node that works and leads needs two roles: print both with the same --user. Replace <PASSWORD> before you run them: no password is proposed.`;
  static override examples = [
    '<%= config.bin %> db grants --role worker',
    '<%= config.bin %> db grants --role readonly --dialect mariadb --user grafana --host 10.0.0.%',
  ];
  static override flags = {
    role: Flags.option({
      options: ROLES,
      required: true,
      summary: 'What the account is for.',
      description:
        'worker: afd worker. leader: afd leader. gateway: afd gateway, and the commands of an operator. producer: afd tasks add and afd tasks import. readonly: commands that only show.',
    })(),
    dialect: Flags.option({ options: DIALECTS, default: 'mysql', summary: 'Kind of the server.' })(),
    user: Flags.string({ helpValue: 'USER', summary: 'Name of the account (default: afd_ and the role).' }),
    host: Flags.string({ helpValue: 'HOST', summary: 'Clients that may use it.', default: '%' }),
  };

  async run(): Promise<DbGrantsResult> {
    const { flags } = await this.parse(DbGrants);
    const { role, dialect, host, user = `afd_${role}` } = flags;
    const { printGrants } = await import('../../core/grants/print-grants.ts');
    const statements = printGrants(await this.loadConfig(), role, { dialect, user, host });
    for (const { purpose, sql } of statements) this.log(`-- ${purpose}\n${sql}`);
    return { role, dialect, user, host, statements };
  }
}
