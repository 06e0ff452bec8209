// Entry of the liveness thread.
import { writeSync } from 'node:fs';
import { kill, pid } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { Events } from '../../runtime/events.ts';
import type { LivenessSettings } from '../liveness-messages.ts';
import type { Outside } from '../main-silence.ts';
import { serveLiveness } from './serve-liveness.ts';

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

await serveLiveness(port, settings, outside);
