/** Something that a peer needs is not on this machine: the sentence is shown, and the others are measured. */
export class Missing extends Error {}
