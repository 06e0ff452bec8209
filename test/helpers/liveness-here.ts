// What the liveness thread does, in the thread of the test: starting a thread costs a third of a second of a core, and every worker
// and gateway of a test has one. Tests about the thread itself, or about a blocked main thread, are in test/proof.
import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { LivenessClient, type LivenessThread } from '../../src/core/node/liveness-client.ts';
import type { LivenessSettings } from '../../src/core/node/liveness-messages.ts';
import { serveLiveness } from '../../src/core/node/thread/serve-liveness.ts';

const outside = {
  async say() {},
  end() {
    throw new Error('the liveness thread would have ended the process');
  },
};

function livenessHere(settings: LivenessSettings): LivenessThread {
  const { port1, port2 } = new MessageChannel();
  const events = new EventEmitter();
  port1.on('message', (report) => events.emit('message', report));
  serveLiveness(port2, structuredClone(settings), outside).then(
    () => port1.once('close', () => events.emit('exit')),
    (error) => events.emit('error', error),
  );
  return { postMessage: (command) => port1.postMessage(command), on: events.on.bind(events) };
}

const thread = LivenessClient.open;

/** From now on in this process; `useLivenessThreads` undoes it. */
export function useLivenessHere(): void {
  LivenessClient.open = livenessHere;
}

export function useLivenessThreads(): void {
  LivenessClient.open = thread;
}
