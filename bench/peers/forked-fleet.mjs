// Worker processes of a peer that is a library: each runs `<peer>-worker.mjs`, connects, says "ready", and begins to take
// tasks when it is told "go".
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { end, ended, start } from '../servers/children.mjs';

export async function forkedFleet(script, { workers, socket, ...settings }) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    BENCH_SOCKET: socket,
    BENCH_SETTINGS: JSON.stringify(settings),
  };
  const children = Array.from({ length: workers }, () => start([process.execPath, file], { ipc: true, env }));
  const hear = (child) =>
    Promise.race([
      once(child, 'message'),
      once(child, 'close').then(() => {
        throw new Error(`${script} ended: ${child.said()}`);
      }),
    ]);
  const fleet = {
    pids: children.map((child) => child.pid),
    async go() {
      for (const child of children) child.send('go');
    },
    check() {
      const dead = children.find(ended);
      if (dead !== undefined) throw new Error(`${script} ended: ${dead.said()}`);
    },
    async stop() {
      await Promise.all(children.map((child) => end(child, { patienceMs: 5000 })));
    },
  };
  try {
    await Promise.all(children.map(hear));
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  return fleet;
}
