// Sign-in at an OpenID provider, as a browser does it.
import { z } from 'zod';

/** A path of this gateway: what a browser could read as another host or scheme is none. */
export const returnPath = z
  .string()
  .max(1000)
  .regex(/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/, 'must be a path of this gateway, such as /docs');

export const openIdQuery = z.strictObject({
  return_to: returnPath
    .default('/docs')
    .meta({ description: 'Path of this gateway to which the browser goes in the end.', examples: ['/docs'] }),
});

/** Providers add members of their own. */
export const openIdCallbackQuery = z.looseObject({
  state: z
    .string()
    .max(1000)
    .meta({ description: 'As `signInWithOpenId` sent it.', examples: ['af0ifjsldkj'] }),
  code: z.string().max(10_000).optional().meta({ description: 'What the gateway exchanges for an ID token.' }),
  error: z.string().max(1000).optional().meta({ description: 'Why the provider signs nobody in.' }),
});
