// Chapters of the API, in the order in which its description shows them.
export const TAGS = {
  tasks: 'Adding, finding, watching and changing tasks.',
  batches: 'Tasks that were added for one purpose, and whose end is an event.',
  devices: 'The devices of the fleet, and what their operators want of them.',
  fleet: 'The leader, lanes, settings and the state of the fleet as a whole.',
  events: 'Changes as they happen.',
  webhooks: 'Signed requests that the fleet sends when tasks and batches end.',
  keys: 'API keys, and what they may do.',
  sessions: 'Sign-in for people with a browser.',
  users: 'People who sign in, and what they may do.',
  audit: 'What operators and administrators did.',
  'remote workers': 'What `afd worker --gateway` asks. Other workers need only register, next, result and heartbeat.',
  admin: 'Short lists of devices and assignments.',
  health: 'Whether a gateway answers, and whether it can work.',
  description: 'This description.',
} as const;

export type Tag = keyof typeof TAGS;
