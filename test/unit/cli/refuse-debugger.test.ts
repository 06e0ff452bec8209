import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { spawnCommand } from '../../helpers/command.ts';
import { folder } from '../core/config/config-folder.ts';

it.each([[['worker']], [['leader']], [['start', '--mode', 'worker']]])(
  'finding S17: SIGUSR1 opens no debugger in afd %j',
  async (argv) => {
    let knocks = 0;
    // In the place of a database: it never answers, so that the node goes on asking.
    const door = createServer((socket) => {
      knocks += 1;
      door.emit('knock');
      socket.on('error', () => {});
      socket.destroy();
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void door.close());
    const { port } = door.address() as { port: number };
    const child = spawnCommand(argv, {
      cwd: folder({ 'afd.yaml': 'handlers: { a: { exec: ["true"] } }' }),
      env: { AFD_DATABASE_URL: `mysql://a@127.0.0.1:${port}/s`, NODE_OPTIONS: '--inspect-port=0' },
    });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(door, 'knock');
    child.kill('SIGUSR1');
    for (const before = knocks; knocks < before + 4; ) await once(door, 'knock');
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(said).toContain('127.0.0.1');
    expect(said).not.toMatch(/debugger/i);
  },
  60_000,
);
