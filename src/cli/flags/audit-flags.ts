import { Flags } from '@oclif/core';
import { AUDIT_ACTIONS } from '../../core/audit/actions.ts';
import { sinceFlag } from './flags.ts';

export const auditFlags = {
  since: sinceFlag({ summary: 'Only rows since: 2h, yesterday, 2024-01-31.' }),
  actor: Flags.string({ helpValue: 'ACTOR', summary: 'Only what this actor did: key:k3Jd92Qa, os:alice@host.' }),
  action: Flags.string({
    options: [...AUDIT_ACTIONS],
    helpValue: 'ACTION',
    summary: 'Only this action, such as tasks.cancel.',
  }),
  object: Flags.string({
    helpValue: 'OBJECT',
    summary: 'Only what was done to this: task:5, device:worker-001, or a type alone.',
  }),
};

/** `task:5` or `task`: the first colon ends the type. */
export function objectOf(text: string | undefined): { object_type?: string; object_id?: string } {
  if (text === undefined) return {};
  const colon = text.indexOf(':');
  if (colon === -1) return { object_type: text };
  return { object_type: text.slice(0, colon), object_id: text.slice(colon + 1) };
}
