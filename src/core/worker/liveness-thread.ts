// Entry of the liveness thread.
import { parentPort, workerData } from 'node:worker_threads';
import { Liveness } from './liveness.ts';
import { type LivenessCommand, type LivenessSettings, reviveCommand } from './liveness-messages.ts';

const port = parentPort;
if (port === null) throw new Error('liveness-thread runs only as a thread');
const liveness = new Liveness(workerData as LivenessSettings, (report) => port.postMessage(report));
port.on('message', (command: LivenessCommand) => liveness.command(reviveCommand(command)));
await liveness.run();
port.close();
