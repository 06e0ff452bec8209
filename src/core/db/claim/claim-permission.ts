import type { Row } from '../session.ts';

/** Whether the device row allowed a claim; `superseded` = another instance owns the device id now. */
export type ClaimPermission = 'open' | 'paused' | 'offline' | 'superseded' | 'missing' | 'not-asked';

/** `device`: the answer to readPermission. */
export function permissionOf(device: Row | undefined, instanceToken: Buffer): ClaimPermission {
  if (device === undefined) return 'missing';
  if (!instanceToken.equals(device.instance_token ?? Buffer.alloc(0))) return 'superseded';
  if (device.operator_state !== 'active') return 'paused';
  return device.status === 'offline' ? 'offline' : 'open';
}
