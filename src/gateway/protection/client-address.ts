// Addresses of clients, as limits count them.
import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../../core/config/loopback.ts';

const MAPPED = '::ffff:';

/** IPv4 in its own form; of IPv6 the first 64 bits, since one client has that many addresses. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  // "2001:db8::1" has its gap somewhere: the first four groups are what counts.
  const [head = '', tail = ''] = plain.split('%')[0]!.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const gap = plain.includes('::') ? Math.max(0, 8 - front.length - back.length) : 0;
  const groups = [...front, ...Array.from({ length: gap }, () => '0'), ...back];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** An IPv4 address that a socket of IPv6 shows as `::ffff:127.0.0.1`. */
export function plainAddress(address: string): string {
  const plain = address.toLowerCase().startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
  return isIP(plain) === 0 ? address : plain;
}

/** Whether an address is one of these addresses and networks (`10.0.0.0/8`), which the configuration has checked. */
export function addressIn(list: readonly string[]): (address: string) => boolean {
  const blocks = new BlockList();
  for (const one of list) {
    const [address = '', bits] = one.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) blocks.addAddress(address, family);
    else blocks.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = plainAddress(address).split('%')[0]!;
    const version = isIP(plain);
    return version !== 0 && blocks.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  };
}

/** Of a connection, by its two addresses: it comes from a proxy that is trusted, or from this machine by whichever of its addresses. */
export function fromProxyOrHere(isTrusted: (address: string) => boolean): (address: string, local: string) => boolean {
  // No packet with an address of this machine as its source comes from outside.
  return (address, local) => isTrusted(address) || address === local || isLoopback(plainAddress(address));
}
