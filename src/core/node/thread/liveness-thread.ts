// Entry of the liveness thread.
import { writeSync } from 'node:fs';
import { kill, pid } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { Events } from '../../runtime/events.ts';
import { Liveness } from '../liveness.ts';
import {
  failedReport,
  type LivenessCommand,
  type LivenessReport,
  type LivenessSettings,
  reviveCommand,
  type STOP,
} from '../liveness-messages.ts';
import type { Outside } from '../main-silence.ts';
import { RemoteLiveness } from '../remote/remote-liveness.ts';

const port = parentPort;
if (port === null) throw new Error('liveness-thread must run as a worker thread');
const settings = workerData as LivenessSettings;
const { fd, format, level } = settings.log;

const outside: Outside = {
  async say(deviceId, data) {
    if (fd === undefined) throw new Error('the log is not a file');
    // Only here: a node whose main thread never blocks does without a second logger.
    const { attachLog, createLog } = await import('../../log/log.ts');
    const events = new Events();
    const stream = { write: (line: string) => writeSync(fd, line) };
    attachLog(events, createLog({ level, format, stream, deviceId }));
    events.emit('main:blocked', data);
  },
  end() {
    // The main thread gets no signal that could be caught, and an exit of this thread does not end the process.
    kill(pid, 'SIGKILL');
  },
};

const report = (one: LivenessReport) => port.postMessage(one);
const liveness =
  settings.gateway === undefined
    ? new Liveness(settings, report, outside)
    : new RemoteLiveness(settings, settings.gateway, report, outside);
port.on('message', (command: LivenessCommand | typeof STOP) => {
  if (command.kind === 'stop') void liveness.stop();
  else liveness.command(reviveCommand(command));
});
void liveness.start();
await liveness.finished.catch((error: unknown) => port.postMessage(failedReport(error)));
port.close();
