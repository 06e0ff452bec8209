// docs/guide/webhooks.md: what a receiver does by it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newSecret, signedHeaders } from '../../../src/core/webhooks/send/signature.ts';

const page = readFileSync(new URL('../../../docs/guide/webhooks.md', import.meta.url), 'utf8');
const [, python = ''] = /```python\n([\s\S]*?)```/.exec(page) ?? [];
const now = () => Math.floor(Date.now() / 1000);

function verified(secret: string, headers: Record<string, string>, body: string): boolean {
  const program = `${python}\nimport json, sys\ngiven = json.load(sys.stdin)\nprint(verify(given["secret"], given["headers"], given["body"].encode()))`;
  const { stdout, stderr } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify({ secret, headers, body }),
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.trim() === 'True';
}

describe('the function of the guide', () => {
  const [secret, other] = [newSecret(), newSecret()];
  const sent = { id: 'msg_17', timestamp: now(), body: '{"type":"task.failed","data":{"username":"用户"}}' };

  it('accepts what afd signs, also while the secret changes', () => {
    expect(verified(secret, signedHeaders([secret], sent), sent.body)).toBe(true);
    expect(verified(other, signedHeaders([secret, other], sent), sent.body)).toBe(true);
  });

  it('refuses another secret, another body, and an old message', () => {
    expect(verified(other, signedHeaders([secret], sent), sent.body)).toBe(false);
    expect(
      verified(secret, signedHeaders([secret], sent), sent.body.replace('17', '18').replace('failed', 'done')),
    ).toBe(false);
    expect(verified(secret, signedHeaders([secret], { ...sent, timestamp: now() - 3600 }), sent.body)).toBe(false);
  });
});
