// Who acts, for those that may not import the domain.
export { type Actor, saidBy } from '../domain/audit/actor.ts';
