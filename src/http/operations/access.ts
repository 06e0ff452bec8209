// What a key or user must be allowed to do for each operation. An operation that is missing here does not compile.
import type { Access } from '../../core/domain/access/role.ts';
import type { OPERATIONS } from './operations.ts';

type OperationId = keyof typeof OPERATIONS;

const of = <const Id extends OperationId>(access: Access, ...ids: Id[]) =>
  Object.fromEntries(ids.map((id) => [id, access])) as Record<Id, Access>;

export const OPERATION_ACCESS: Record<OperationId, Access> = {
  ...of('public', 'health', 'ready', 'openapi', 'docs', 'errorCodes', 'enrollDevice'),
  ...of('public', 'signIn', 'signOut', 'signInWithOpenId', 'finishOpenId'),
  ...of('self', 'whoAmI', 'changeOwnPassword', 'listSessions', 'endSession'),
  ...of(
    'read',
    'events',
    'overview',
    'fleetStatus',
    'listDevices',
    'deviceMap',
    'showDevice',
    'listLanes',
    'leader',
    'settings',
  ),
  ...of('read', 'adminDevices', 'adminAssignments'),
  ...of('follow', 'listTasks', 'showTask', 'taskResult', 'taskLogs', 'exportTasks', 'listBatches', 'showBatch'),
  ...of('submit', 'addTasks', 'waitForTask', 'cancelTask', 'sealBatch'),
  ...of('operate', 'retryTask', 'reassignTask', 'previewActs', 'actOnTasks'),
  ...of('operate', 'pauseDevice', 'resumeDevice', 'drainDevice', 'removeDevice', 'resignLeader'),
  ...of('device', 'registerDevice', 'heartbeat', 'signOff', 'nextTask', 'putResult', 'putResults', 'wait', 'exchange'),
  ...of('device', 'recover', 'starts', 'payload', 'deliver', 'writeLogs', 'writtenLogs', 'writeProgress'),
  ...of('device', 'writeCheckpoint', 'readCheckpoints', 'deleteCheckpoint', 'readSecrets', 'renewCertificate'),
  ...of('admin', 'changeSettings', 'addWebhook', 'listWebhooks', 'showWebhook', 'changeWebhook', 'removeWebhook'),
  ...of('admin', 'changeWebhookSecret', 'testWebhook', 'listDeliveries', 'showDelivery', 'redeliver'),
  ...of('admin', 'listUsers', 'addUser', 'changeUser', 'removeUser', 'setUserPassword'),
  ...of('admin', 'makeKey', 'listKeys', 'rotateKey', 'revokeKey', 'listAudit'),
};

export function accessOf(operationId: string | undefined): Access {
  const known = operationId !== undefined && Object.hasOwn(OPERATION_ACCESS, operationId);
  // What nobody has thought of is for those who may do everything.
  return known ? OPERATION_ACCESS[operationId as OperationId] : 'admin';
}
