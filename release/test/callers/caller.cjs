// CommonJS: `require` and `import()` give the same classes.
const { Postrider, verify, WebhookVerificationError } = require("@postrider/sdk");
const { encodeSecret } = require("@postrider/sdk/sign");

async function main() {
  const client = new Postrider({ url: "https://postrider.test", apiKey: "prk_test" });
  const imported = await import("@postrider/sdk");
  const error = await verify("{}", {}, encodeSecret(new Uint8Array(32))).catch((thrown) => thrown);
  const same = client instanceof imported.Postrider && error instanceof WebhookVerificationError;
  console.log(`${process.version} ${error.code} ${same}`);
}

main();
