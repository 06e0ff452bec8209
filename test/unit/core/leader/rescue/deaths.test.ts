import { describe, expect, it } from 'vitest';
import { Deaths } from '../../../../../src/core/leader/rescue/deaths.ts';

const offline = { status: 'offline', instance_token: null };

describe('the deaths of a term', () => {
  it('are the cause of what another round takes before the declaration has come back', () => {
    const deaths = new Deaths();
    expect(deaths.declare('R1')).toBe(true);
    expect(deaths.causeOfLoss(offline, { device_id: 'r1', instance_token: null })).toBe('device_dead');
    deaths.note('r1', 2);
    expect(deaths.declare('r1')).toBe(false);
    deaths.note('r1', 1);
    expect(deaths.takenFrom('R1')).toBe(3);
  });

  it('are forgotten when they are told: what is taken later is from a device that is offline', () => {
    const deaths = new Deaths();
    deaths.declare('r1');
    expect(deaths.takenFrom('r1')).toBe(0);
    deaths.note('r1', 5);
    expect(deaths.takenFrom('r1')).toBe(0);
    expect(deaths.causeOfLoss(offline, { device_id: 'r1', instance_token: null })).toBe('device_offline');
  });
});
