export async function open() {
  const { Postrider } = await import("@postrider/sdk");
  return new Postrider({ url: "https://postrider.test", apiKey: "prk_test" });
}
