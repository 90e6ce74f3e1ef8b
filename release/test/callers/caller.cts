import sdk = require("@postrider/sdk");

export const postrider = new sdk.Postrider({ url: "https://postrider.test", apiKey: "prk_test" });
