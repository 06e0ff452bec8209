// Chapters of the API, in the order in which its description shows them.
export const TAGS = {
  tasks: 'Adding, finding, watching and changing tasks.',
  devices: 'The devices of the fleet, and what their operators want of them.',
  fleet: 'The leader, lanes, settings and the state of the fleet as a whole.',
  events: 'Changes as they happen.',
  webhooks: 'Signed requests to your own servers when tasks end.',
  'remote workers': 'What `afd worker --gateway` asks. Other workers need only the calls of the design document.',
  admin: 'The lists of the design document.',
  health: 'Whether a gateway answers, and whether it can work.',
  description: 'This description.',
} as const;

export type Tag = keyof typeof TAGS;
