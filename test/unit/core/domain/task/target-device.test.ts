import { describe, expect, it } from 'vitest';
import { targetObstacles, targetWarnings } from '../../../../../src/core/domain/task/target-device.ts';

describe('why a directed task would not start', () => {
  const device = {
    ...{ device_id: 'w', device_type: 'worker', status: 'online', operator_state: 'active' },
    ...{ capabilities: { supported_tasks: ['t'] }, over_limits: [] as string[] },
  };
  const lane = { task_type: 't', required_capabilities: null };

  it('nothing, where it will', () => {
    expect(targetWarnings(device, lane)).toEqual([]);
    expect(targetObstacles(device, lane)).toEqual([]);
  });

  it('offline, not active, unable: each in words that follow its name; a resource limit is none, because it passes', () => {
    const away = { ...device, status: 'offline', operator_state: 'paused', over_limits: ['cpu'] };
    expect(targetObstacles(away, { task_type: 'u', required_capabilities: { gpu: true } })).toEqual([
      'is offline',
      'is paused',
      'does not handle u',
      'lacks gpu=true',
    ]);
    expect(targetObstacles({ ...device, over_limits: ['cpu'] }, lane)).toEqual([]);
  });

  it('away, unable, over a limit: each with what happens; one that is away says nothing of limits', () => {
    const held = ['cpu', 'disk'];
    expect(targetWarnings({ ...device, over_limits: held }, lane)).toEqual([
      'w claims no tasks at the moment (cpu; disk): the task stays pending until it does.',
    ]);
    expect(targetWarnings({ ...device, over_limits: held, status: 'offline', operator_state: 'paused' }, lane)).toEqual(
      [
        'w is offline: the leader will release the task to all devices.',
        'w is paused: the leader will release the task to all devices.',
      ],
    );
    expect(targetWarnings(device, { ...lane, task_type: 'u' })).toEqual([
      'w does not handle u: the task cannot start on it until that changes.',
    ]);
  });
});
