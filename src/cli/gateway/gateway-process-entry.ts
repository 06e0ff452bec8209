// The program of one of several gateway processes (src/gateway/processes). It gets its configuration from the first process, and
// ends with it: node:cluster ends a process whose channel to the first one is closed.
import { hostname } from 'node:os';
import { openContext } from '../../core/context/context.ts';
import type { FromProcess, ToProcess } from '../../gateway/processes/messages.ts';
import { runGateway } from '../../gateway/run-gateway.ts';
import { endProcess } from '../end-process.ts';
import { failureOf } from '../failure.ts';
import { guardOutput, logOutput } from '../output.ts';

const stop = new AbortController();
const force = new AbortController();

guardOutput();
// A terminal sends its signals to all processes; how often they came is known to the first one.
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stop.abort());
process.on('message', (message: ToProcess) => {
  if (message.kind === 'serve') void serve(message);
  else if (message.kind === 'stop') stop.abort();
  else force.abort();
});
tell({ kind: 'waiting' });

async function serve({ resolved, facts }: ToProcess & { kind: 'serve' }): Promise<void> {
  const context = openContext(resolved, { purpose: 'gateway', logTo: logOutput(resolved.config.log.format) });
  try {
    await runGateway(context, {
      ...facts,
      hostname: hostname(),
      pid: process.pid,
      stop: stop.signal,
      force: force.signal,
      onListening: (url, deviceId) => tell({ kind: 'listening', url, deviceId }),
    });
  } catch (error) {
    if (!stop.signal.aborted) {
      const { exitCode, ...failure } = failureOf(error, { command: 'afd gateway', flags: [] });
      process.exitCode = exitCode;
      await new Promise<void>((resolve) => tell({ kind: 'failed', ...failure }, resolve));
    }
  } finally {
    await context.close();
    await endProcess();
  }
}

function tell(message: FromProcess, done: () => void = () => {}): void {
  process.send?.(message, undefined, {}, () => done());
}
