// A gateway whose main thread does not come to its event loop: its liveness thread says what that means for a gateway.
import { afterEach, expect } from 'vitest';
import { SILENT_AFTER_MS } from '../../../src/core/node/main-watch.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

afterEach(stopGateways);

it('a gateway whose main thread is blocked speaks of its requests, and of no tasks and handlers', async ({ given }) => {
  const gateway = await startGateway(given.db);
  const said = (event: string) =>
    gateway.lines.map((line) => JSON.parse(line)).find((line: { event?: string }) => line.event === event);
  // The thread of the test is that of the gateway.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * SILENT_AFTER_MS);
  const { message, level } = await until(() => said('main:blocked'));
  expect([level, message]).toEqual([
    'error',
    expect.stringContaining('the main thread of the gateway has been blocked'),
  ]);
  expect(message).not.toMatch(/task|handler|lead/);
  const back = await until(() => said('main:back'));
  expect(back.message).toMatch(/^the gateway answers requests again after [0-9.]+ s$/);
});
