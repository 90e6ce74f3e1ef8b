-- People who sign in with the operator's provider (OpenID Connect).
--
-- A person is a key without a secret: nobody can ask with it, only the person's sessions stand on it. Its name, teams and scopes are what the
-- provider told at the last sign-in, and it ends twelve hours after that.
alter table api_keys
  alter column secret_sha256 drop not null,
  -- SHA-256 of the provider's issuer and its name for the person.
  add column person_sha256 bytea,
  add constraint of_a_secret_or_a_person check (num_nonnulls(secret_sha256, person_sha256) = 1);
create unique index api_keys_by_person on api_keys (person_sha256);
