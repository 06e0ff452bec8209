import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import type { Invitation } from '../../core/certificates/issue-certificates.ts';

export type DevicesInviteResult = Invitation;

export default class DevicesInvite extends BaseCommand {
  static override summary = 'Make a code with which one device gets a certificate, once.';
  static override description =
    'Prints the code, this once: the database has only a hash of it. Run "afd devices enroll" with it on the device. The device need not exist yet.';
  static override examples = [
    '<%= config.bin %> devices invite worker-001',
    '<%= config.bin %> devices invite worker-001 --valid-for 1d',
  ];
  static override args = { device_id: Args.string({ required: true, description: 'Id of the device, in full.' }) };
  static override flags = {
    'valid-for': durationFlag({ summary: 'Time until the code is refused, at most 7d (default: 1h).' }),
  };

  async run(): Promise<DevicesInviteResult> {
    const { args, flags } = await this.parse(DevicesInvite);
    return this.withContext(async (context) => {
      const { DEFAULT_INVITATION_S, inviteDevice } = await import('../../core/certificates/issue-certificates.ts');
      const { operator } = await import('../../cli/operator.ts');
      const lifetimeS = flags['valid-for'] ?? DEFAULT_INVITATION_S;
      const invited = await inviteDevice(context, { device_id: args.device_id, lifetimeS }, operator(undefined));
      const { renderInvited } = await import('../../cli/render/access/certificates.ts');
      await this.logOnce(invited.code, [`afd devices invite ${invited.device_id}`]);
      this.note(renderInvited(invited));
      return invited;
    });
  }
}
