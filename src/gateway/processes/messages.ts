// What the first process of a gateway and those that serve say to each other.
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import type { GatewayFacts } from '../../core/gateway/gateway.ts';

export type ToProcess =
  | { kind: 'serve'; resolved: ResolvedConfig; facts: Omit<GatewayFacts, 'pid'> }
  | { kind: 'stop' }
  | { kind: 'force' };

export type FromProcess =
  | { kind: 'waiting' }
  | { kind: 'listening'; url: string; deviceId: string }
  | {
      kind: 'failed';
      code: string;
      message: string;
      suggestions: string[];
      data: Record<string, unknown>;
    };
