import { expect, test } from 'vitest';
import { renderLeader } from '../../../../src/cli/render/leader.ts';

const leads = {
  device_id: 'node-1',
  last_holder: 'node-1',
  term: 3,
  acquired_at: '2026-01-01 00:00:00.000',
  renewed_at: '2026-01-01 00:00:05.000',
  expires_at: '2026-01-01 00:00:15.000',
  failing: [],
};

test('who leads is named with the duties that fail', () => {
  expect(renderLeader(leads)).not.toContain('failing');
  const failing = [{ duty: 'place', message: 'no index\u001b[2J', since: '2026-01-01 00:00:01.000' }];
  const text = renderLeader({ ...leads, failing });
  expect(text.split('\n')).toHaveLength(5);
  expect(text).toContain('failing  place since 2026-01-01 00:00:01.000: no index');
  expect(text).not.toContain('\u001b');
});
