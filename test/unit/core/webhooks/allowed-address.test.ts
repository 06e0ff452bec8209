import { describe, expect, it } from 'vitest';
import { networksOf, refusalOf, resolveTarget } from '../../../../src/core/webhooks/send/allowed-address.ts';
import { urlProblem } from '../../../../src/core/webhooks/send/webhook-url.ts';

const NONE = networksOf([]);

describe('RB13 an address to which no webhook is sent', () => {
  it.each([
    ['loopback', '127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ['link-local', '169.254.169.254', 'fe80::1'],
    ['unique local', 'fc00::1', 'fd00:ec2::254'],
    ['unspecified or of no host', '0.0.0.0', '::', '255.255.255.255', '224.0.0.1', 'ff02::1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['for documents and measurements', '192.0.2.1', '198.18.0.1', '203.0.113.9', '240.0.0.1', '2001:db8::1'],
    ['that contains another one', '64:ff9b::a00:1', '2002:7f00:1::', '2001:0:4136:e378::1'],
  ])('is one that is %s', (_what, ...addresses) => {
    for (const address of addresses) expect([address, refusalOf(address, NONE)]).toEqual([address, expect.any(String)]);
  });

  it.each([
    ...['https://127.0.0.1/', 'https://0x7f.1/', 'https://2130706433/', 'https://[::ffff:10.0.0.1]/'],
    ...['http://8.8.8.8/', 'ftp://example.com/', 'https://user:pw@example.com/', 'example.com', ''],
    `https://example.com/${'x'.repeat(2000)}`,
  ])('is refused as a URL: %s', (url) => expect(urlProblem(url, NONE)).toBeTypeOf('string'));

  it('is refused when a name has no other', async () => {
    for (const name of ['localhost', '[::1]'])
      await expect(resolveTarget(name, NONE)).rejects.toThrow('is no address of the internet (loopback)');
  });
});

describe('an address to which a webhook is sent', () => {
  it('is one of the internet', () => {
    for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111'])
      expect([address, refusalOf(address, NONE)]).toEqual([address, undefined]);
    expect(urlProblem('https://hooks.example.com:8443/a?b=c', NONE)).toBeUndefined();
  });

  it('is one that the configuration names, alone or in a network; only there http is allowed', async () => {
    const some = networksOf(['10.1.0.0/16', 'fd00::/8', '127.0.0.1']);
    const allowed = ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1'];
    const tried = [...allowed, '10.2.0.1', '127.0.0.2'];
    expect(tried.filter((address) => refusalOf(address, some) === undefined)).toEqual(allowed);
    expect(urlProblem('http://10.1.2.3/', some)).toBeUndefined();
    const addresses = [{ address: '127.0.0.1', family: 4 }];
    expect(await resolveTarget('127.0.0.1', some)).toEqual({ addresses, named: true });
    expect(await resolveTarget('8.8.8.8', some)).toMatchObject({ named: false });
  });
});
