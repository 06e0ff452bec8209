// Worker processes of a peer that is a library: each runs `<peer>-worker.mjs`, connects, says "ready", and begins to take
// tasks when its parent sends "go".
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { end, ended, start } from '../servers/children.mjs';

/** `inTurn`: one after the other, for peers whose processes cannot start together. */
export async function forkedFleet(script, { workers, socket, inTurn = false, ...settings }) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    BENCH_SOCKET: socket,
    BENCH_SETTINGS: JSON.stringify(settings),
  };
  const children = [];
  const startOne = () => {
    const child = start([process.execPath, file], { ipc: true, env });
    children.push(child);
    return hear(child);
  };
  const hear = (child) =>
    Promise.race([
      once(child, 'message'),
      once(child, 'close').then(() => {
        throw new Error(`${script} ended: ${child.said()}`);
      }),
    ]);
  const fleet = {
    pids: () => children.map((one) => one.pid),
    async go() {
      for (const child of children) child.send('go');
    },
    check() {
      const dead = children.find(ended);
      if (dead !== undefined) throw new Error(`${script} ended: ${dead.said()}`);
    },
    async stop() {
      await Promise.all(children.map((child) => end(child, { graceMs: 5000 })));
    },
  };
  try {
    if (inTurn) for (let n = 0; n < workers; n += 1) await startOne();
    else await Promise.all(Array.from({ length: workers }, startOne));
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  return fleet;
}
