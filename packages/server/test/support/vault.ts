import type { PayloadVault } from "../../src/actions/payload-vault.ts";
import { openKeyring } from "../../src/secrets.ts";

const keyring = openKeyring([Buffer.alloc(32, 7)]);

/** A vault of teams that want nothing sealed. */
export const plainVault: PayloadVault = {
  keyring,
  sealing: async () => ({ keyring, teams: new Set() }),
};
