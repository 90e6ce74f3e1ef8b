import type { SigningSecret } from "../api.gen.ts";
import type { RequestOptions, Send } from "../request.ts";

/** The signing secret of the resource at a path. */
export function signingSecrets(send: Send, at: (id: string) => string) {
  return {
    getSecret: (id: string, options: RequestOptions = {}) =>
      send<SigningSecret>({ method: "GET", path: `${at(id)}/signing-secret` }, options),
    /** Creates a new secret; the old one stays valid for 24 hours. */
    rotateSecret: (id: string, options: RequestOptions = {}) =>
      send<SigningSecret>({ method: "POST", path: `${at(id)}/signing-secret/rotate` }, options),
  };
}
