// For cli and commands, which may not take values from domain.
export { counted } from './domain/text/counted.ts';
