// docs/guide/webhooks.md: what a receiver does by it.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { newSecret, signedHeaders } from '../../../src/core/webhooks/send/signature.ts';
import { readProjectFile } from '../../contracts/project-files.ts';

const [, python = ''] = /```python\n([\s\S]*?)```/.exec(readProjectFile('docs/guide/webhooks.md') ?? '') ?? [];
const PROGRAM = `${python}
import json, sys
for given in json.load(sys.stdin): print(verify(given["secret"], given["headers"], given["body"].encode()))`;

it('refuses another secret, another body, and an old message, and accepts what afd signs', () => {
  const [secret, other] = [newSecret(), newSecret()];
  const timestamp = Math.floor(Date.now() / 1000);
  const sent = { id: 'msg_17', timestamp, body: '{"type":"task.failed","data":{"username":"用户"}}' };
  const by = (secrets: string[], of = sent) => ({ secret, headers: signedHeaders(secrets, of), body: sent.body });
  const given = [
    by([secret]),
    // While the secret changes.
    by([other, secret]),
    by([other]),
    by([secret], { ...sent, body: sent.body.replace('failed', 'done') }),
    by([secret], { ...sent, timestamp: timestamp - 3600 }),
  ];
  const options = { input: JSON.stringify(given), encoding: 'utf8' } as const;
  const { stdout, stderr } = spawnSync('python3', ['-c', PROGRAM], options);
  expect([stderr, stdout.trim().split('\n')]).toEqual(['', ['True', 'True', 'False', 'False', 'False']]);
});
