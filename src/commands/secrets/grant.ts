import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { secretNameArg } from '../../cli/flags/secret-args.ts';
import type { GrantedSecret } from '../../core/secrets/manage-secrets.ts';

export type SecretsGrantResult = GrantedSecret;

export default class SecretsGrant extends BaseCommand {
  static override summary = 'Let tasks of a type use a secret.';
  static override description =
    'Without a grant no task may use a secret. A grant names task types, and optionally the devices on which they may; without --device, all devices. --revoke takes back exactly the grants that it names.';
  static override examples = [
    '<%= config.bin %> secrets grant shop/42 --task-type sync_orders',
    '<%= config.bin %> secrets grant shop/42 --task-type sync_orders --device worker-001',
    '<%= config.bin %> secrets grant shop/42 --task-type sync_orders --revoke',
  ];
  static override args = { name: secretNameArg({ required: true }) };
  static override flags = {
    'task-type': Flags.string({
      multiple: true,
      helpValue: 'TYPE',
      exclusive: ['all-task-types'],
      summary: 'Tasks of this type may use it.',
    }),
    'all-task-types': Flags.boolean({ summary: 'Tasks of every type may use it.' }),
    device: Flags.string({ multiple: true, helpValue: 'ID', summary: 'Only on the device with this id.' }),
    revoke: Flags.boolean({ summary: 'Take these grants back.' }),
  };

  async run(): Promise<SecretsGrantResult> {
    const { args, flags } = await this.parse(SecretsGrant);
    return this.withContext(async (context) => {
      const { grantSecret } = await import('../../core/secrets/manage-secrets.ts');
      const { operator } = await import('../../cli/operator.ts');
      const granted = await grantSecret(context, {
        name: args.name,
        task_types: flags['all-task-types'] === true ? ['*'] : (flags['task-type'] ?? []),
        device_ids: flags.device ?? [],
        revoke: flags.revoke === true,
        by: operator(undefined),
      });
      const { renderGranted } = await import('../../cli/render/access/secret.ts');
      this.log(renderGranted(granted));
      return granted;
    });
  }
}
