/** Why the provider's sign-in failed, by the code that the service adds to the address. */
const sentences: Readonly<Record<string, string>> = {
  provider_away:
    "The sign-in provider cannot be reached at the moment. Try again in a minute, or sign in with an API key.",
  expired: "This sign-in was used already or took longer than ten minutes. Start again.",
  denied: "The provider did not let you in, or you cancelled. Start again if that was a mistake.",
  no_access:
    "The provider knows you, but your account names no team of this service, or nothing that you may do there. Ask whoever looks after your accounts.",
  failed:
    "The provider's answer was not one that this service trusts. Start again; if it happens again, tell the operator: the service's log says why.",
};

/** Reads why a sign-in failed from an address: `#refused=…`. An unknown code is not shown. */
export function refusalIn(hash: string): string | undefined {
  const word = new URLSearchParams(hash.replace(/^#/, "")).get("refused");
  if (word === null) return undefined;
  return (Object.hasOwn(sentences, word) ? sentences[word] : undefined) ?? sentences.failed;
}
