// To which addresses a webhook may be sent: those of the internet, and those that the configuration names. An operator who may add a webhook
// must not reach what only the leader's machine can reach.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Of `master.webhook_networks`. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>;

export interface Target {
  /** Only these are connected to: the name is not resolved again. */
  addresses: Array<{ address: string; family: number }>;
  /** All of them are named by the configuration. */
  named: boolean;
}

export class Refused extends Error {}

/** Addresses or networks, as the configuration has checked them. */
export function networksOf(texts: string[]): Network[] {
  return texts.map((text) => {
    const one = ipaddr.process(text.split('/')[0]!);
    return text.includes('/') ? ipaddr.parseCIDR(text) : [one, one.kind() === 'ipv4' ? 32 : 128];
  });
}

/** Why this address is refused; undefined = it is not. */
export function refusalOf(text: string, networks: Network[]): string | undefined {
  if (isNamed(text, networks)) return undefined;
  const range = ipaddr.process(text).range();
  return range === 'unicast' ? undefined : `${text} is no address of the internet (${range})`;
}

/** `hostname`: of a URL. @throws Refused when none of its addresses is allowed; Error when it has none */
export async function resolveTarget(hostname: string, networks: Network[]): Promise<Target> {
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const all = isIP(literal) ? [{ address: literal, family: isIP(literal) }] : await lookup(literal, { all: true });
  const refusals = all.map(({ address }) => refusalOf(address, networks));
  const addresses = all.filter((_, n) => refusals[n] === undefined);
  if (addresses.length === 0)
    throw new Refused(`${refusals[0] ?? `${literal} has no address`}; master.webhook_networks can allow it`);
  return { addresses, named: addresses.every(({ address }) => isNamed(address, networks)) };
}

function isNamed(text: string, networks: Network[]): boolean {
  const address = ipaddr.process(text);
  return networks.some((network) => network[0].kind() === address.kind() && address.match(network));
}
